// Our client. Arguments: the server's address, a customer's id.
import { createClient } from "@connectrpc/connect";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { openTransport } from "./open-transport.ts";
import { serveCalls } from "./serve-calls.ts";

const [address = "", customerId = ""] = process.argv.slice(2);
const client = createClient(CustomerService, await openTransport(address));
serveCalls(() => client.getCustomer({ customerId }));
