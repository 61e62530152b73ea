// Answers every call with one and the same GetCustomer reply after a while; asked by IPC, it says how many calls it has got.
// Arguments: a gateway to register with, milliseconds.
import { type AddressInfo, createServer } from "node:net";
import process from "node:process";
import { answerConnection } from "./canned-connection.ts";
import { enterRegistry } from "./enter-registry.ts";

const [gateway = "", delay = ""] = process.argv.slice(2);
let calls = 0;
const asked = () => {
  calls++;
};
const answering = { delayMs: Number(delay), asked };
const server = createServer({ noDelay: true }, (socket) => answerConnection(socket, answering));
server.listen(0, "127.0.0.1", async () => {
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  await enterRegistry(gateway, address);
  process.send?.(address);
});
process.on("message", () => process.send?.(calls));
process.once("SIGTERM", () => process.exit());
process.once("disconnect", () => process.exit());
