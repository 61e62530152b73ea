import { once } from "node:events";
import type { Duplex } from "node:stream";
import { expect, test } from "vitest";
import { parseAddress, socketNetwork } from "./network.ts";

const ANY = { host: "127.0.0.1", port: 0 };

test("port 0 takes a free one, and connections reach who listens there", async () => {
  const listener = await socketNetwork.listen(ANY, (connection) => connection.pipe(connection));
  expect(listener.address.host).toBe("127.0.0.1");
  expect(listener.address.port).toBeGreaterThan(0);
  const connection = socketNetwork.connect(listener.address);
  connection.write("to and fro");
  const [echoed] = await once(connection, "data");
  expect(String(echoed)).toBe("to and fro");
  connection.destroy();
  await listener.close();
});

test("a taken port is refused with EADDRINUSE", async () => {
  const listener = await socketNetwork.listen(ANY, () => undefined);
  await expect(socketNetwork.listen(listener.address, () => undefined)).rejects.toMatchObject({ code: "EADDRINUSE" });
  await listener.close();
});

test("after close the port is free, and what is open goes on", async () => {
  const accepted = Promise.withResolvers<Duplex>();
  const listener = await socketNetwork.listen(ANY, accepted.resolve);
  const connection = socketNetwork.connect(listener.address);
  const server = await accepted.promise;
  await listener.close();
  const next = await socketNetwork.listen(listener.address, () => undefined);
  server.write("still here");
  const [heard] = await once(connection, "data");
  expect(String(heard)).toBe("still here");
  connection.destroy();
  await next.close();
});

test("a connection that cannot be made says so by an error event", async () => {
  const listener = await socketNetwork.listen(ANY, () => undefined);
  await listener.close();
  const [error] = await once(socketNetwork.connect(listener.address), "error");
  expect(error).toMatchObject({ code: "ECONNREFUSED" });
});

test.each([
  ["127.0.0.1:8080", { host: "127.0.0.1", port: 8080 }],
  ["localhost:80", { host: "localhost", port: 80 }],
  ["[::1]:443", { host: "::1", port: 443 }],
  ["auth.memory:0", { host: "auth.memory", port: 0 }],
])("the address %s is read", (text, address) => {
  expect(parseAddress(text)).toEqual(address);
});

test.each([
  "",
  "localhost",
  "localhost:",
  ":80",
  "::1:80",
  "localhost:65536",
  "localhost:-1",
  "http://localhost:80",
  "[fe80::1%en0]:80",
  "1.2.3.4.0x7f:80",
])("%s is no address", (text) => {
  expect(() => parseAddress(text)).toThrow(TypeError);
});
