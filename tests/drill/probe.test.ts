import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { sessionsOf } from "./probe.ts";

test.runIf(process.platform === "linux")(
  "both ends of a connection are counted, however idle, and none that was closed",
  async () => {
    const server = createServer().listen(0, "127.0.0.1").unref();
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const before = sessionsOf(process.pid);
    const accepted = once(server, "connection");
    const client = connect((server.address() as AddressInfo).port, "127.0.0.1").unref();
    const [other] = await accepted;
    other.unref();
    expect(sessionsOf(process.pid) - before).toBe(2);
    client.destroy();
    await Promise.all([once(client, "close"), once(other.resume(), "close")]);
    expect(sessionsOf(process.pid)).toBe(before);
  },
);
