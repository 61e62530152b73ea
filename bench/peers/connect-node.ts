// A bare connect-node server with the same store and codec. Arguments: the database. Prints its port.
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { openPointRead } from "./point-read.ts";

const read = await openPointRead(process.argv[2] ?? "");
const routes = connectNodeAdapter({
  routes: (router) => {
    router.service(CustomerService, { getCustomer: ({ customerId }) => read(customerId) });
  },
});
const server = createServer(routes).listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
