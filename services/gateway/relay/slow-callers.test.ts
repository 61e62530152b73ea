import { once } from "node:events";
import { connect, createServer, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, connect as connectSocket, type Socket } from "node:net";
import { createLog } from "@heddle/mesh/observe";
import { createRpcServer } from "@heddle/mesh/rpc";
import { systemRuntime } from "@heddle/mesh/runtime";
import { fakeTime } from "@heddle/mesh/testing";
import { DEFAULT_WIRE_LIMITS, ErrorCode } from "@heddle/mesh/wire";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { fakeCandidate } from "../fixtures/fake-candidate.ts";
import { createRelay } from "./relay.ts";
import { createUpstreams } from "./upstreams.ts";

const PATH = "/loom.v1.LoomService/Weave";
const TIMEOUT_MS = 5_000;
/** Milliseconds after which whoever leaves an answer unread is cut. */
const PATIENCE_MS = DEFAULT_WIRE_LIMITS.stallTimeoutMs + 3_000;
/** What the kernel takes of an answer is on its way for a while where the machine has much else to do. */
const TAKEN = { timeout: 20_000 };

/** A gateway's data path on a port, in front of an instance; time is the test's. */
const start = async (answer: (stream: ServerHttp2Stream) => void, timeoutMs: number | undefined = undefined) => {
  const time = fakeTime();
  const runtime = { ...systemRuntime(), ...time };
  const streams: ServerHttp2Stream[] = [];
  const instance = createServer();
  instance.on("stream", (stream) => {
    stream.on("error", () => undefined);
    stream.resume();
    streams.push(stream);
    answer(stream);
  });
  instance.listen(0, "127.0.0.1");
  await once(instance, "listening");
  const address = `127.0.0.1:${(instance.address() as AddressInfo).port}`;
  const candidate = fakeCandidate(address);
  // Pings of the own wire would need an answer in no time.
  const upstreams = createUpstreams("node", runtime);
  const relay = createRelay({ runtime, instanceId: "ins_me", upstreams });
  const server = createRpcServer({
    implementations: [],
    runtime,
    wire: "heddle",
    log: createLog({ service: "test", level: "silent", clock: runtime.clock, destination: { write: () => undefined } }),
    unmatched: (stream, headers, end) =>
      relay.send(stream, headers, end, {
        service: "loom.v1.LoomService",
        candidate,
        isUnary: false,
        timeoutMs,
        answerFields: [],
      }),
  });
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  const open: { destroy(): void }[] = [];
  onTestFinished(async () => {
    for (const each of open) each.destroy();
    relay.close();
    instance.close();
    await server.drain(0);
  });
  return {
    time,
    streams,
    running: () => upstreams.load(address).running,
    /** A caller that writes what it wants. */
    socket(): Socket {
      const socket = connectSocket(port, "127.0.0.1");
      socket.on("error", () => undefined);
      open.push(socket);
      return socket;
    },
    http2() {
      const session = connect(`http://127.0.0.1:${port}`);
      session.on("error", () => undefined);
      open.push(session);
      return session;
    },
  };
};

const HTTP1_REQUEST = `POST ${PATH} HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/grpc\r\n`;
const HTTP2_REQUEST = { ":method": "POST", ":path": PATH, "content-type": "application/grpc" };

/** A large answer, sent as fast as it is taken. */
const large = (stream: ServerHttp2Stream): void => {
  stream.respond({ ":status": 200, "content-type": "application/grpc" });
  stream.end(Buffer.alloc(16 * 1024 * 1024));
};

describe("a caller that sends its request a byte at a time", () => {
  test("over HTTP/1.1 is answered when its time is up, and the instance is rid of it", async () => {
    const { socket, time, streams, running } = await start(() => undefined, TIMEOUT_MS);
    const caller = socket();
    let told = "";
    caller.on("data", (chunk) => {
      told += String(chunk);
    });
    caller.write(`${HTTP1_REQUEST}transfer-encoding: chunked\r\n\r\n1\r\nx\r\n`);
    await vi.waitFor(() => expect(streams).toHaveLength(1));
    for (let second = 0; second < 4; second++) {
      caller.write("1\r\nx\r\n");
      await time.advance(1_000);
    }
    expect([told, running()]).toEqual(["", 1]);
    await time.advance(2_000);
    await vi.waitFor(() => expect(told).toContain("grpc-status: 4"));
    await vi.waitFor(() => expect(streams[0]?.rstCode).toBe(ErrorCode.CANCEL));
    expect(running()).toBe(0);
  });

  test("over HTTP/2 is answered when its time is up, and the instance is rid of it", async () => {
    const { http2, time, streams, running } = await start(() => undefined, TIMEOUT_MS);
    const caller = http2().request(HTTP2_REQUEST);
    caller.on("error", () => undefined);
    const answered = once(caller, "response") as Promise<[Record<string, string>]>;
    caller.write("x");
    await vi.waitFor(() => expect(streams).toHaveLength(1));
    for (let second = 0; second < 6; second++) {
      caller.write("x");
      await time.advance(1_000);
    }
    expect((await answered)[0]["grpc-status"]).toBe("4");
    await vi.waitFor(() => expect(streams[0]?.rstCode).toBe(ErrorCode.CANCEL));
    expect(running()).toBe(0);
  });
});

describe("a caller that leaves its answer unread", () => {
  test("over HTTP/1.1 is cut, and the instance is rid of it", async () => {
    const { socket, time, streams, running } = await start(large);
    const caller = socket();
    caller.pause();
    caller.write(`${HTTP1_REQUEST}content-length: 1\r\n\r\nx`);
    await vi.waitFor(() => expect(streams).toHaveLength(1));
    const closed = once(caller, "close");
    // The kernel takes some of it first.
    await vi.waitFor(async () => {
      await time.advance(PATIENCE_MS);
      expect(running()).toBe(0);
    }, TAKEN);
    caller.resume();
    await closed;
    await vi.waitFor(() => expect(streams[0]?.destroyed).toBe(true), TAKEN);
  }, 60_000);

  test("over HTTP/2 loses its stream, and the instance is rid of it", async () => {
    const { http2, time, streams, running } = await start(large);
    const caller = http2().request(HTTP2_REQUEST, { endStream: true });
    caller.on("error", () => undefined);
    caller.pause();
    await once(caller, "response");
    await vi.waitFor(async () => {
      await time.advance(PATIENCE_MS);
      expect(running()).toBe(0);
    }, TAKEN);
    caller.resume();
    await vi.waitFor(() => expect(caller.rstCode).toBe(ErrorCode.CANCEL), TAKEN);
    await vi.waitFor(() => expect(streams[0]?.destroyed).toBe(true), TAKEN);
  }, 60_000);

  test("is waited for as long as it likes when nothing waits for it", async () => {
    const { http2, time, streams, running } = await start((stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      stream.write("a first message");
    });
    const caller = http2().request(HTTP2_REQUEST, { endStream: true });
    const [first] = await once(caller, "data");
    expect(String(first)).toBe("a first message");
    await time.advance(2 * PATIENCE_MS);
    expect([running(), streams[0]?.destroyed]).toEqual([1, false]);
    const second = once(caller, "data");
    streams[0]?.write("a second message");
    expect(String((await second)[0])).toBe("a second message");
  });
});

test("headers that are too many are refused with 431, and nobody else hears of them", async () => {
  const { socket, streams } = await start(() => undefined);
  const caller = socket();
  caller.write(`${HTTP1_REQUEST}x-large: ${"x".repeat(DEFAULT_WIRE_LIMITS.headerListBytesMax)}\r\n\r\n`);
  expect(String((await once(caller, "data"))[0])).toContain("HTTP/1.1 431 ");
  expect(streams).toEqual([]);
});
