// A bare connect-node server with the same store and codec. Arguments: the database, if any.
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { announce } from "./announce.ts";
import { openPointRead } from "./point-read.ts";
import { StreamService, send } from "./stream-contract.ts";

const read = await openPointRead(process.argv[2]);
const routes = connectNodeAdapter({
  routes: (router) => {
    router.service(CustomerService, { getCustomer: ({ customerId }) => read(customerId) });
    router.service(StreamService, { send });
  },
});
const server = createServer(routes).listen(0, "127.0.0.1", () => announce((server.address() as AddressInfo).port));
