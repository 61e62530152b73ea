import { type AddressInfo, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { systemRuntime } from "../../runtime/index.ts";
import { fakeTime } from "../../testing/fake-time.ts";
import {
  HeaderList,
  type HttpStream,
  type Session,
  type StreamHandler,
  serveSession,
  type WireLimits,
} from "../../wire/index.ts";
import { type ConnectionPool, createConnectionPool, type PoolOptions } from "./connection-pool.ts";

const runtime = systemRuntime();
const REQUEST = HeaderList.of({ ":method": "POST", ":scheme": "http", ":authority": "a", ":path": "/a" });
const REPLY = HeaderList.of({ ":status": "200" });

interface TestPeer {
  readonly port: number;
  readonly sockets: Socket[];
  readonly sessions: Session[];
  readonly streams: HttpStream[];
}

/** Listens, and speaks HTTP/2 when told so; otherwise it says nothing. */
const startPeer = async (limits?: Partial<WireLimits> | "silent", wanted = 0): Promise<TestPeer> => {
  const sockets: Socket[] = [];
  const sessions: Session[] = [];
  const streams: HttpStream[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    if (limits === "silent") return;
    const onStream = (stream: HttpStream) => {
      stream.handler = QUIET;
      streams.push(stream);
    };
    sessions.push(serveSession(socket, { onStream }, { ...runtime, limits }));
  });
  await new Promise<void>((resolve) => server.listen(wanted, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets, sessions, streams };
};

const QUIET: StreamHandler = { onHeaders() {}, onData() {}, onTrailers() {}, onReset() {}, onDrain() {} };

const startPool = (port: number, options: Partial<PoolOptions> = {}): ConnectionPool => {
  const pool = createConnectionPool({ address: { host: "127.0.0.1", port }, runtime, ...options });
  onTestFinished(() => pool.destroy());
  return pool;
};

/** Opens a stream on what the pool gives. */
const open = async (pool: ConnectionPool, handler: Partial<StreamHandler> = {}): Promise<HttpStream> => {
  const session = await pool.acquire();
  return session.request(REQUEST, undefined, false, { ...QUIET, ...handler });
};

/** Resolves when the peer has answered all that was sent so far. */
const answered = (session: Session | undefined): Promise<void> =>
  new Promise((resolve) => session?.ping(() => resolve()));

test("a free stream on an open connection is there at once", async () => {
  const { port, sockets } = await startPeer({});
  const pool = startPool(port);
  expect(pool.acquireNow()).toBeUndefined();
  const session = await pool.acquire();
  expect(pool.acquireNow()).toBe(session);
  expect(pool.acquire()).toBe(session);
  expect(sockets).toHaveLength(1);
});

test("calls that come while the first connection is being made share it", async () => {
  const { port, sockets } = await startPeer({});
  const pool = startPool(port);
  const sessions = await Promise.all(Array.from({ length: 50 }, () => pool.acquire()));
  expect(new Set(sessions).size).toBe(1);
  expect(sockets).toHaveLength(1);
});

test("another connection is opened when the peer allows no more streams, up to the bound, and then callers wait", async () => {
  const { port, streams } = await startPeer({ concurrentStreamsMax: 2 });
  const pool = startPool(port, { limits: { connectionsMax: 3 } });
  const sessions: Session[] = [];
  const opened: HttpStream[] = [];
  for (let count = 0; count < 6; count += 1) {
    const session = await pool.acquire();
    opened.push(session.request(REQUEST, undefined, false, QUIET));
    sessions.push(session);
  }
  expect(new Set(sessions).size).toBe(3);
  let seventh: Session | undefined;
  const waiting = Promise.resolve(pool.acquire()).then((session) => {
    seventh = session;
  });
  await expect.poll(() => streams).toHaveLength(6);
  expect(seventh).toBeUndefined();
  opened[3]?.reset(8);
  await waiting;
  expect(seventh).toBe(sessions[3]);
});

test("many who wait for one connection get no more streams than it has", async () => {
  const { port, streams, sockets } = await startPeer({ concurrentStreamsMax: 5 });
  const pool = startPool(port, { limits: { connectionsMax: 2 } });
  const opened: HttpStream[] = [];
  const callers = Array.from({ length: 30 }, async () => {
    const session = await pool.acquire();
    opened.push(session.request(REQUEST, undefined, false, QUIET));
  });
  await expect.poll(() => streams.length).toBe(10);
  expect(opened).toHaveLength(10);
  while (opened.length > 0) {
    opened.pop()?.reset(8);
    await runtime.timers.sleep(1);
  }
  await Promise.all(callers);
  expect(sockets).toHaveLength(2);
});

test("a caller who would wait behind too many is refused at once", async () => {
  const { port } = await startPeer("silent");
  const pool = startPool(port, { limits: { waitersMax: 2 } });
  const first = [pool.acquire(), pool.acquire()].map((waiting) => Promise.resolve(waiting).catch(() => undefined));
  await expect(pool.acquire()).rejects.toMatchObject({ reason: "exhausted" });
  pool.destroy();
  await Promise.all(first);
});

test("a caller who gives up no longer waits", async () => {
  const { port } = await startPeer("silent");
  const pool = startPool(port, { limits: { waitersMax: 1 } });
  const stop = new AbortController();
  const waiting = expect(pool.acquire(stop.signal)).rejects.toThrow("enough");
  stop.abort(new Error("enough"));
  await waiting;
  const next = Promise.resolve(pool.acquire()).catch((error: unknown) => error);
  pool.destroy();
  expect(await next).toMatchObject({ reason: "unavailable" });
});

test("nobody listens: callers are told so, and why", async () => {
  const { port, sockets } = await startPeer("silent");
  const other = await new Promise<number>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
  expect(other).not.toBe(port);
  await expect(startPool(other).acquire()).rejects.toMatchObject({
    reason: "unavailable",
    message: expect.stringContaining("ECONNREFUSED"),
  });
  expect(sockets).toHaveLength(0);
});

test("a peer that takes the connection and says nothing is given up after a while", async () => {
  const time = fakeTime();
  const { port, sockets } = await startPeer("silent");
  const pool = startPool(port, { runtime: { ...runtime, ...time } });
  const failed = Promise.resolve(pool.acquire()).catch((error: unknown) => error);
  await expect.poll(() => sockets.length).toBe(1);
  await time.advance(5_000);
  expect(await failed).toMatchObject({ reason: "unavailable", message: expect.stringContaining("5000 ms") });
});

test("attempts that go on failing come ever more rarely, and calls in between fail at once", async () => {
  const time = fakeTime();
  let attempts = 0;
  const network = {
    ...runtime.network,
    connect: (address: { host: string; port: number }) => {
      attempts += 1;
      return runtime.network.connect(address);
    },
  };
  const pool = startPool(1, { runtime: { ...runtime, ...time, network } });
  const attemptsWithin = async (ms: number) => {
    const before = attempts;
    for (let passed = 0; passed < ms; passed += 10) {
      await expect(pool.acquire()).rejects.toMatchObject({ reason: "unavailable" });
      await time.advance(10);
    }
    return attempts - before;
  };
  for (let prompt = 0; prompt < 2; prompt += 1) await expect(pool.acquire()).rejects.toThrow("ECONNREFUSED");
  expect(attempts).toBe(2);
  const first = await attemptsWithin(1_000);
  expect(first).toBeGreaterThanOrEqual(3);
  expect(first).toBeLessThanOrEqual(6);
  await attemptsWithin(10_000);
  const later = await attemptsWithin(20_000);
  expect(later).toBeGreaterThanOrEqual(3);
  expect(later).toBeLessThanOrEqual(5);
}, 30_000);

test("a peer that was away is found again by the first call after the wait", async () => {
  const time = fakeTime();
  const gone = await startPeer("silent");
  const pool = startPool(gone.port, { runtime: { ...runtime, ...time } });
  const first = Promise.resolve(pool.acquire()).catch((error: unknown) => error);
  await expect.poll(() => gone.sockets.length).toBe(1);
  gone.sockets[0]?.destroy();
  expect(await first).toMatchObject({ reason: "unavailable" });
  const second = Promise.resolve(pool.acquire());
  await expect.poll(() => gone.sockets.length).toBe(2);
  serveSession(gone.sockets[1] as Socket, { onStream: () => undefined }, runtime);
  expect((await second).freeStreams).toBeGreaterThan(0);
});

test("a peer that drains gets no further stream, while those that it has go on", async () => {
  const { port, sessions, streams, sockets } = await startPeer({});
  const pool = startPool(port);
  const replies: string[] = [];
  await open(pool, { onHeaders: (headers) => replies.push(headers.get(":status") ?? "") });
  await expect.poll(() => streams.length).toBe(1);
  sessions[0]?.drain();
  await expect.poll(() => pool.acquireNow()).toBeUndefined();
  await open(pool);
  await expect.poll(() => streams.length).toBe(2);
  expect(sockets).toHaveLength(2);
  streams[0]?.sendHeaders(REPLY, undefined, true);
  await expect.poll(() => replies).toEqual(["200"]);
});

test("a peer that is gone without a word is noticed by PING while a call is on the connection", async () => {
  const time = fakeTime();
  const { port, sockets, streams } = await startPeer({});
  const pool = startPool(port, { runtime: { ...runtime, ...time } });
  let cause: string | undefined;
  await open(pool, {
    onReset: (_, why) => {
      cause = why;
    },
  });
  await expect.poll(() => streams.length).toBe(1);
  await time.advance(10_000);
  await answered(pool.acquireNow());
  await time.advance(5_000);
  expect(cause).toBeUndefined();
  // From here on it hears nothing and says nothing.
  sockets[0]?.removeAllListeners("data").pause();
  await time.advance(5_000);
  await time.advance(5_000);
  expect(cause).toBe("connection");
});

test("an unused connection is not asked for signs of life", async () => {
  const time = fakeTime();
  const { port, sockets } = await startPeer({});
  const pool = startPool(port, { runtime: { ...runtime, ...time } });
  const session = await pool.acquire();
  await answered(session);
  sockets[0]?.removeAllListeners("data").pause();
  await time.advance(60_000);
  expect(session.closed).toBe(false);
});

test("a closed pool lets open streams end, and opens none", async () => {
  const { port, streams } = await startPeer({});
  const pool = startPool(port);
  const replies: string[] = [];
  const session = await pool.acquire();
  session.request(REQUEST, undefined, true, {
    ...QUIET,
    onHeaders: (headers) => replies.push(headers.get(":status") ?? ""),
  });
  await expect.poll(() => streams.length).toBe(1);
  pool.close();
  expect(pool.acquireNow()).toBeUndefined();
  await expect(pool.acquire()).rejects.toMatchObject({ reason: "unavailable" });
  streams[0]?.sendHeaders(REPLY, undefined, true);
  await expect.poll(() => replies).toEqual(["200"]);
  await expect.poll(() => session.closed).toBe(true);
});
