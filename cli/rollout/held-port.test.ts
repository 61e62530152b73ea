import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../../tests/mesh.ts";
import { holdPort } from "./held-port.ts";

test("a port that somebody listens on cannot be held", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  expect(() => holdPort({ host: "127.0.0.1", port })).toThrow(`Port ${port} on 127.0.0.1 cannot be bound`);
});

test("an address of another machine cannot be held", () => {
  expect(() => holdPort({ host: "192.0.2.1", port: 1234 })).toThrow("cannot be bound");
});

test("who holds a port takes no connection itself, and lets it go when it is closed", async () => {
  const address = { host: "127.0.0.1", port: await freePort() };
  const held = holdPort(address);
  const refused = connect(address);
  const [error] = await once(refused, "error");
  expect(error).toMatchObject({ code: "ECONNREFUSED" });
  held.close();
  const again = createServer().listen(address);
  onTestFinished(() => void again.close());
  await once(again, "listening");
});
