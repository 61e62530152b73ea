import { once } from "node:events";
import type { Duplex } from "node:stream";
import { expect, test } from "vitest";
import { socketNetwork } from "./network.ts";

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
