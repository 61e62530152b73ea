// Answers every call with one and the same GetCustomer reply, so that the client or the proxy in front of it is what is slow.
// Arguments: a gateway to register with, if any.
import { type AddressInfo, createServer } from "node:net";
import { announce } from "./announce.ts";
import { answerConnection } from "./canned-connection.ts";

const [gateway] = process.argv.slice(2);
const server = createServer({ noDelay: true }, (socket) => answerConnection(socket)).listen(
  0,
  "127.0.0.1",
  async () => {
    const { port } = server.address() as AddressInfo;
    if (gateway !== undefined) {
      // Only then: a client is measured without anything of ours behind it.
      const { enterRegistry } = await import("./enter-registry.ts");
      await enterRegistry(gateway, `127.0.0.1:${port}`);
    }
    announce(port);
  },
);
