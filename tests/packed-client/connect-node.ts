import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { CustomerService } from "@heddle/contracts/customer/v1";

const customers = createClient(CustomerService, createGrpcTransport({ baseUrl: process.env.HEDDLE_URL ?? "" }));
const created = await customers.createCustomer({ givenName: "Ada", familyName: "King", email: "ada@node.example" });
const { customer } = await customers.getCustomer({ customerId: created.customer?.id ?? "" });
console.log(customer?.email);
