// connect-node. Arguments: the server's address, a customer's id.
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { serveCalls } from "./serve-calls.ts";

const [address = "", customerId = ""] = process.argv.slice(2);
const client = createClient(CustomerService, createGrpcTransport({ baseUrl: `http://${address}` }));
serveCalls(() => client.getCustomer({ customerId }));
