import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { CustomerService } from "@heddle/contracts/customer/v1";

const customers = createClient(CustomerService, createGrpcWebTransport({ baseUrl: process.env.HEDDLE_URL ?? "" }));
const created = await customers.createCustomer({ givenName: "Ada", familyName: "King", email: "ada@web.example" });
const { customer } = await customers.getCustomer({ customerId: created.customer?.id ?? "" });
console.log(customer?.email);
