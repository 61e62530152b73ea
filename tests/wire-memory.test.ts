import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, onTestFinished, test } from "vitest";
import { systemRuntime, type Timers } from "../mesh/runtime/index.ts";
import { connectSession, HeaderList, type HttpStream, type Session, serveSession } from "../mesh/wire/index.ts";
import { processBytes } from "../mesh/wire/process-bytes.ts";

/** Larger by the nightly target: `HEDDLE_MEMORY_CALLS=1000000`. */
const CALLS = Number(process.env.HEDDLE_MEMORY_CALLS ?? 100_000);
const CONNECTIONS = Number(process.env.HEDDLE_MEMORY_CONNECTIONS ?? 10_000);
const KILLS = 200;
const TIMEOUT_MS = 60_000 + CALLS / 2;

const POST = HeaderList.of({ ":method": "POST", ":scheme": "http", ":path": "/a.B/C", ":authority": "test" });
const OK = HeaderList.of({ ":status": "200", "content-type": "application/grpc" });
const TRAILERS = HeaderList.of({ "grpc-status": "0" });

/** What is in use, in bytes, after a full collection: on the heap, and outside of it. */
const usedBytes = async (): Promise<{ heap: number; outside: number }> => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc");
  for (let count = 0; count < 3; count++) {
    await turn();
    collect();
  }
  const { heapUsed, external } = process.memoryUsage();
  return { heap: heapUsed, outside: external };
};

const { clock, random, timers: systemTimers } = systemRuntime();
const turn = (): Promise<void> => new Promise((resolve) => systemTimers.afterTurn(resolve));

/** The system's timers, and how many of them have neither fired nor been cancelled. */
const countedTimers = (): { timers: Timers; pending: () => number } => {
  const pending = new Set<object>();
  const timers: Timers = {
    ...systemTimers,
    after(delayMs, fire) {
      const key = {};
      pending.add(key);
      const timer = systemTimers.after(delayMs, () => {
        pending.delete(key);
        fire();
      });
      return {
        cancel() {
          pending.delete(key);
          timer.cancel();
        },
      };
    },
    every(periodMs, fire) {
      const key = {};
      pending.add(key);
      const timer = systemTimers.every(periodMs, fire);
      return {
        cancel() {
          pending.delete(key);
          timer.cancel();
        },
      };
    },
  };
  return { timers, pending: () => pending.size };
};

/** A server on loopback whose sessions and streams can be counted. */
const listen = async (onStream: (stream: HttpStream, headers: HeaderList, end: boolean) => void) => {
  const { timers, pending } = countedTimers();
  const deps = { clock, random, timers };
  const sessions = new Set<Session>();
  const sockets = new Set<Socket>();
  const counts = { accepted: 0, errors: 0 };
  const server = createServer((socket) => {
    counts.accepted++;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    const session = serveSession(
      socket,
      {
        onStream,
        onHandlerError: () => void counts.errors++,
        onClose: () => void sessions.delete(session),
      },
      deps,
    );
    sessions.add(session);
  });
  server.listen({ port: 0, host: "127.0.0.1", backlog: 1_000 });
  await once(server, "listening");
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  });
  return { port: (server.address() as AddressInfo).port, sessions, sockets, counts, deps, pending };
};

test(
  "10,000 idle connections, or as many as the system allows, cost a few KiB each",
  async () => {
    const filesMax = Number(execFileSync("sh", ["-c", "ulimit -n"], { encoding: "utf8" })) || Number.POSITIVE_INFINITY;
    const count = Math.min(CONNECTIONS, filesMax - 500);
    const { port, sessions } = await listen(() => undefined);
    const held = processBytes();
    const before = await usedBytes();
    const peers = spawn(process.execPath, ["tests/idle-peers.ts", String(port), String(count)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    onTestFinished(() => void peers.kill());
    await once(peers.stdout, "data");
    for (let turns = 0; turns < 20; turns++) await turn();
    expect(sessions.size).toBe(count);
    const after = await usedBytes();
    const heapBytes = (after.heap - before.heap) / count;
    const outsideBytes = (after.outside - before.outside) / count;
    if (process.env.HEDDLE_MEMORY_TELL) console.log({ count, heapBytes, outsideBytes });
    // A socket of Node's costs half of it.
    expect(heapBytes).toBeLessThan(16_384);
    expect(outsideBytes).toBeLessThan(4_096);
    expect(processBytes()).toBe(held);
    const gone = once(peers, "exit");
    peers.stdin.end();
    await gone;
    for (let turns = 0; turns < 10_000 && sessions.size > 0; turns++) await turn();
    expect(sessions.size).toBe(0);
  },
  TIMEOUT_MS,
);

/** Answers as a unary call does: a body of some bytes between headers and trailers, once the request is complete. */
const answerUnary = (stream: HttpStream): void => {
  const reply = () => {
    stream.sendHeaders(OK, undefined, false);
    stream.sendData(REPLY, false);
    stream.sendTrailers(TRAILERS, undefined);
  };
  stream.handler = {
    onHeaders: () => undefined,
    onData(chunk, end) {
      stream.consume(chunk.length);
      if (end) reply();
    },
    onTrailers: reply,
    onReset: () => undefined,
    onDrain: () => undefined,
  };
};
const REPLY = Buffer.alloc(120, 7);

test(
  "calls by the hundred thousand leave the heap as it was",
  async () => {
    const held = processBytes();
    const { port, deps, sessions } = await listen(answerUnary);
    const socket = connect(port, "127.0.0.1");
    const session = connectSession(socket, { onStream: () => undefined }, deps);
    onTestFinished(() => void socket.destroy());
    await once(socket, "connect");

    const run = (calls: number) =>
      new Promise<void>((resolve, reject) => {
        let begun = 0;
        let done = 0;
        const call = (): void => {
          if (begun === calls) return;
          begun++;
          // A request that differs in something, as requests do.
          const stream = session.request(POST, ["x-request-id", String(begun)], false, {
            onHeaders: () => undefined,
            onData: (chunk) => stream.consume(chunk.length),
            onTrailers: () => {
              done++;
              if (done === calls) resolve();
              else call();
            },
            onReset: (code, cause) => reject(new Error(`reset ${code} ${cause}`)),
            onDrain: () => undefined,
          });
          stream.sendData(REPLY, true);
        };
        for (let count = 0; count < 50; count++) call();
      });

    await run(CALLS / 5);
    const before = await usedBytes();
    await run(CALLS);
    const after = await usedBytes();
    if (process.env.HEDDLE_MEMORY_TELL)
      console.log({ heap: after.heap - before.heap, outside: after.outside - before.outside });
    // A byte per call would be seen.
    expect(after.heap - before.heap).toBeLessThan(Math.max(1_000_000, CALLS));
    expect(after.outside - before.outside).toBeLessThan(1_000_000);
    expect(session.openStreams).toBe(0);
    expect([...sessions].map(({ openStreams }) => openStreams)).toEqual([0]);
    expect(processBytes()).toBe(held);
  },
  TIMEOUT_MS,
);

test(
  "200 connections that are killed under load leave no stream, session, byte or timer",
  async () => {
    const held = processBytes();
    const open = { streams: 0 };
    const server = await listen((stream) => {
      open.streams++;
      let over = false;
      const end = () => {
        if (!over) open.streams--;
        over = true;
      };
      stream.handler = {
        onHeaders: () => undefined,
        // Half of it is never consumed, and answers wait for windows: there is something in every queue.
        onData: (chunk) => stream.consume(chunk.length >> 1),
        onTrailers: () => undefined,
        onReset: end,
        onDrain: () => void stream.sendData(Buffer.alloc(50_000), false),
      };
      stream.sendHeaders(OK, undefined, false);
      stream.sendData(Buffer.alloc(100_000), false);
    });
    let told = 0;
    let begun = 0;
    let closed = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const socket = connect(server.port, "127.0.0.1");
      socket.on("error", () => undefined);
      const session = connectSession(socket, { onStream: () => undefined, onClose: () => void closed++ }, server.deps);
      for (let count = 0; count < 20; count++) {
        begun++;
        const stream = session.request(POST, undefined, false, {
          onHeaders: () => undefined,
          onData: (chunk) => void (count % 2 === 0 && stream.consume(chunk.length)),
          onTrailers: () => undefined,
          onReset: () => void told++,
          onDrain: () => void stream.sendData(Buffer.alloc(10_000), false),
        });
        stream.sendData(Buffer.alloc(80_000), false);
      }
      await once(socket, "connect");
      for (let turns = kill % 7; turns > 0; turns--) await turn();
      // By either side, politely, in the middle of everything, or by a reset of TCP.
      const served = [...server.sockets].at(-1);
      if (kill % 4 === 0) socket.destroy();
      else if (kill % 4 === 1) socket.resetAndDestroy();
      else if (kill % 4 === 2) session.destroy();
      else if (served === undefined) socket.destroy();
      else served.resetAndDestroy();
    }
    // Last words may take a second.
    for (let seconds = 0; seconds < 10 && (server.sessions.size > 0 || server.pending() > 0); seconds++) {
      await systemTimers.sleep(250);
    }
    expect(server.counts.errors).toBe(0);
    expect(server.sessions.size).toBe(0);
    expect(closed).toBe(KILLS);
    expect(told).toBe(begun);
    expect(open.streams).toBe(0);
    expect(server.sockets.size).toBe(0);
    expect(server.pending()).toBe(0);
    expect(processBytes()).toBe(held);
  },
  TIMEOUT_MS,
);
