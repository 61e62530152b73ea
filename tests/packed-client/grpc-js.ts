import { credentials } from "@grpc/grpc-js";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { createGrpcJsClient } from "@heddle/contracts/grpc-js";

const address = new URL(process.env.HEDDLE_URL ?? "").host;
const customers = createGrpcJsClient(CustomerService, address, credentials.createInsecure());
const created = await customers.createCustomer({ givenName: "Ada", familyName: "King", email: "ada@grpc.example" });
const { customer } = await customers.getCustomer({ customerId: created.customer?.id ?? "" });
console.log(customer?.email);
customers.close();
