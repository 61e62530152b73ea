import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { sessionsOf } from "./probe.ts";

test.runIf(process.platform === "linux")(
  "both ends of a connection are counted, however idle, by whom they lead to, and none that was closed",
  async () => {
    const server = createServer().listen(0, "127.0.0.1").unref();
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const held = () => sessionsOf([process.pid])[0] ?? { sessions: 0, peers: 0 };
    const before = held();

    const first = await connected(server);
    // To itself, and from itself.
    expect(held()).toEqual({ sessions: before.sessions + 2, peers: before.peers + 2 });
    const second = await connected(server);
    expect(held()).toEqual({ sessions: before.sessions + 4, peers: before.peers + 2 });

    await Promise.all([...first, ...second].map(closed));
    expect(held()).toEqual(before);
  },
);

const connected = async (server: ReturnType<typeof createServer>): Promise<readonly Socket[]> => {
  const accepted = once(server, "connection");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [other] = (await accepted) as [Socket];
  return [client.unref(), other.unref()];
};

const closed = async (socket: Socket): Promise<void> => {
  const close = once(socket.resume(), "close");
  socket.end();
  await close;
};
