import { once } from "node:events";
import { Agent, request as requestHttp1 } from "node:http";
import {
  type ClientHttp2Stream,
  connect,
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { createLog } from "@heddle/mesh/observe";
import { createRpcServer } from "@heddle/mesh/rpc";
import { systemRuntime } from "@heddle/mesh/runtime";
import { ErrorCode } from "@heddle/mesh/wire";
import { describe, expect, onTestFinished, test } from "vitest";
import { fakeCandidate } from "../fixtures/fake-candidate.ts";
import { createRelay } from "./relay.ts";
import { createUpstreams } from "./upstreams.ts";

const runtime = systemRuntime();
const { timers } = runtime;
const MIB = 1024 * 1024;
/** Megabytes that Node may keep in a connection: tests write more at once than its default allows. */
const ROOMY = { maxSessionMemory: 1_000 };

type Answer = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** A relay between real sockets: callers on one side, an instance by `node:http2` on the other. */
const start = async (wire: "heddle" | "node", answer: Answer) => {
  const instance = createServer(ROOMY);
  instance.on("stream", (stream, headers) => {
    stream.on("error", () => undefined);
    answer(stream, headers);
  });
  const connections = new Set<{ destroy(): void }>();
  instance.on("connection", (socket: { destroy(): void }) => connections.add(socket));
  instance.listen(0, "127.0.0.1");
  await once(instance, "listening");
  const { port: instancePort } = instance.address() as AddressInfo;
  const relay = createRelay({ runtime, instanceId: "ins_me", upstreams: createUpstreams(wire, runtime) });
  const route = {
    service: "loom.v1.LoomService",
    candidate: fakeCandidate(`127.0.0.1:${instancePort}`),
    isUnary: false,
    timeoutMs: undefined,
    answerFields: [],
  };
  const server = createRpcServer({
    implementations: [],
    runtime,
    wire,
    log: createLog({
      service: "test",
      level: "silent",
      clock: runtime.clock,
      destination: { write: () => undefined },
    }),
    unmatched: (stream, headers, end) => relay.send(stream, headers, end, route),
  });
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  const caller = connect(`http://127.0.0.1:${port}`, ROOMY);
  caller.on("error", () => undefined);
  const kill = () => {
    for (const connection of connections) connection.destroy();
  };
  onTestFinished(async () => {
    caller.destroy();
    relay.close();
    kill();
    instance.close();
    await server.drain(0);
  });
  const call = (
    headers: OutgoingHttpHeaders = {},
    options: { endStream?: boolean; waitForTrailers?: boolean } = {},
  ) => {
    const stream = caller.request(
      { ":method": "POST", ":path": "/loom.v1.LoomService/Weave", "content-type": "application/grpc", ...headers },
      options,
    );
    stream.on("error", () => undefined);
    return stream;
  };
  return { call, port, kill };
};

const grpc = { ":status": 200, "content-type": "application/grpc" };

/** Everything that a caller gets. */
const answerTo = async (stream: ClientHttp2Stream) => {
  let headers: IncomingHttpHeaders = {};
  let flags = 0;
  let trailers: IncomingHttpHeaders = {};
  stream.on("response", (found, bits) => {
    headers = found;
    flags = bits;
  });
  stream.on("trailers", (found) => {
    trailers = found;
  });
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  if (!stream.destroyed) await once(stream, "close");
  return { headers, trailers, body: Buffer.concat(chunks), isTrailersOnly: (flags & 1) === 1, code: stream.rstCode };
};

/** Resolves when a number has stood still for a while. */
const settled = async (read: () => number): Promise<number> => {
  for (let before = -1; ; ) {
    const now = read();
    if (now === before) return now;
    before = now;
    await timers.sleep(50);
  }
};

/** Bytes in which a piece that is lost, doubled or out of order shows. */
const pattern = (bytes: number): Buffer => {
  const made = Buffer.alloc(bytes);
  for (let at = 0; at + 4 <= bytes; at += 4) made.writeUInt32LE((at * 2654435761) >>> 0, at);
  return made;
};

describe.each(["heddle", "node"] as const)("over the wire %s", (wire) => {
  test("trailers only stay one HEADERS frame that ends the stream", async () => {
    const { call } = await start(wire, (stream) => {
      stream.respond({ ...grpc, "grpc-status": "5", "grpc-message": "none" }, { endStream: true });
    });
    const asked = call();
    asked.end(Buffer.alloc(5));
    const { headers, isTrailersOnly, code } = await answerTo(asked);
    expect(headers).toMatchObject({ "grpc-status": "5", "grpc-message": "none" });
    expect([isTrailersOnly, code]).toEqual([true, 0]);
  });

  test("headers that repeat, trailers of both sides and requests without a body pass", async () => {
    const { call } = await start(wire, (stream, headers) => {
      let after: IncomingHttpHeaders = {};
      stream.on("trailers", (found) => {
        after = found;
      });
      stream.resume().on("end", () => {
        stream.respond(
          { ...grpc, "x-many": ["1", "2"], "x-got": String(headers["x-many"]) },
          { waitForTrailers: true },
        );
        stream.on("wantTrailers", () =>
          stream.sendTrailers({ "grpc-status": "0", "x-after": String(after["x-after"]) }),
        );
        stream.end("body");
      });
    });
    const asked = call({ "x-many": ["a", "b"] }, { waitForTrailers: true });
    asked.on("wantTrailers", () => asked.sendTrailers({ "x-after": "t" }));
    asked.end(Buffer.alloc(5));
    const { headers, trailers, body } = await answerTo(asked);
    expect(headers).toMatchObject({ "x-many": "1, 2", "x-got": "a, b" });
    expect(trailers).toMatchObject({ "grpc-status": "0", "x-after": "t" });
    expect(String(body)).toBe("body");
    expect((await answerTo(call({}, { endStream: true }))).trailers["grpc-status"]).toBe("0");
  });

  test("many megabytes pass both ways at once, whole", async () => {
    const { call } = await start(wire, (stream) => {
      stream.respond(grpc);
      stream.pipe(stream);
    });
    const sent = pattern(12 * MIB);
    const answers = await Promise.all(
      Array.from({ length: 3 }, () => {
        const asked = call();
        const answer = answerTo(asked);
        asked.end(sent);
        return answer;
      }),
    );
    for (const { body, code } of answers) expect([body.equals(sent), code]).toEqual([true, 0]);
  });

  test("an instance that reads nothing holds its caller back, and no other", async () => {
    const { call } = await start(wire, (stream, headers) => {
      if (headers["x-stuck"] === undefined) {
        stream.respond(grpc);
        stream.pipe(stream);
      }
    });
    const stuck = call({ "x-stuck": "1" });
    for (let i = 0; i < 800; i++) stuck.write(Buffer.alloc(10_000));
    expect(8_000_000 - (await settled(() => stuck.writableLength))).toBeLessThan(2 * MIB);
    const asked = call();
    asked.end(pattern(MIB));
    expect((await answerTo(asked)).body.length).toBe(MIB);
    stuck.close(ErrorCode.CANCEL);
  });

  test("a caller that reads nothing holds its instance back, and no other", async () => {
    let stuck: ServerHttp2Stream | undefined;
    const { call } = await start(wire, (stream, headers) => {
      stream.respond(grpc);
      if (headers["x-stuck"] === undefined) {
        stream.end(pattern(MIB));
        return;
      }
      stuck = stream;
      for (let i = 0; i < 800; i++) stream.write(Buffer.alloc(10_000));
    });
    const asked = call({ "x-stuck": "1" }, { endStream: true });
    await once(asked, "response");
    expect(8_000_000 - (await settled(() => stuck?.writableLength ?? 0))).toBeLessThan(2 * MIB);
    expect((await answerTo(call({}, { endStream: true }))).body.length).toBe(MIB);
    asked.resume();
    await expect.poll(() => stuck?.writableLength, { timeout: 5_000 }).toBe(0);
  });

  test("an answer before the end of a large request leaves a connection that serves", async () => {
    const { call } = await start(wire, (stream, headers) => {
      if (headers["x-early"] !== undefined) {
        stream.respond({ ...grpc, "grpc-status": "8" }, { endStream: true });
        stream.resume();
        return;
      }
      stream.respond(grpc);
      stream.pipe(stream);
    });
    for (let i = 0; i < 5; i++) {
      const early = call({ "x-early": "1" });
      const answer = answerTo(early);
      early.end(Buffer.alloc(5 * MIB));
      expect((await answer).headers["grpc-status"]).toBe("8");
      const asked = call();
      asked.end("ping");
      expect(String((await answerTo(asked)).body)).toBe("ping");
    }
  });

  test("a caller's reset passes with its code", async () => {
    const seen: (number | undefined)[] = [];
    const { call } = await start(wire, (stream) => {
      stream.resume();
      stream.once("close", () => seen.push(stream.rstCode));
      stream.respond(grpc);
    });
    for (const code of [ErrorCode.CANCEL, ErrorCode.ENHANCE_YOUR_CALM]) {
      const asked = call();
      await once(asked, "response");
      asked.close(code);
      await expect.poll(() => seen.at(-1)).toBe(code);
    }
  });

  test("an instance that is killed ends the calls on it in their protocol", async () => {
    let count = 0;
    const { call, kill } = await start(wire, (stream, headers) => {
      count++;
      if (headers["x-begin"] === undefined) return;
      stream.respond(grpc);
      stream.write("begun");
    });
    const begun = call({ "x-begin": "1" });
    const silent = call();
    const [ended, refused] = [answerTo(begun), answerTo(silent)];
    await once(begun, "data");
    await expect.poll(() => count).toBe(2);
    kill();
    expect([(await ended).trailers["grpc-status"], String((await ended).body)]).toEqual(["14", "begun"]);
    expect([(await refused).headers["grpc-status"], (await refused).isTrailersOnly]).toEqual(["14", true]);
  });

  test("no call is left behind when connections are killed again and again", async () => {
    const { call, kill } = await start(wire, (stream) => {
      stream.respond(grpc, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.pipe(stream);
    });
    const statuses = new Map<unknown, number>();
    let isOver = false;
    const callers = Array.from({ length: 20 }, async () => {
      while (!isOver) {
        const asked = call();
        const answer = answerTo(asked);
        asked.write(pattern(100));
        await timers.sleep(1);
        asked.end(pattern(20_000));
        const { headers, trailers } = await answer;
        const status = trailers["grpc-status"] ?? headers["grpc-status"];
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    });
    for (let i = 0; i < 40; i++) {
      await timers.sleep(10);
      kill();
    }
    // On a busy machine none may have been quicker than the next kill.
    await expect.poll(() => statuses.has("0"), { timeout: 10_000 }).toBe(true);
    isOver = true;
    await Promise.all(callers);
    expect([...statuses.keys()].toSorted()).toEqual(["0", "14"]);
  });

  test("a caller by HTTP/1.1 is served, with and without a length, and its connection is used again", async () => {
    const { port } = await start(wire, (stream, headers) => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const body = Buffer.concat(chunks);
        const length = headers["x-length"] === undefined ? {} : { "content-length": body.length };
        stream.respond({ ":status": 201, "x-te": String(headers.te), ...length }, { waitForTrailers: true });
        stream.on("wantTrailers", () => stream.sendTrailers({ "x-after": "t" }));
        stream.end(body);
      });
    });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    for (const headers of [{ "x-length": "1" }, { "transfer-encoding": "chunked" }, { "content-length": 300_000 }]) {
      const asked = requestHttp1({ agent, port, host: "127.0.0.1", method: "PUT", path: "/a/b?c=d", headers });
      asked.end(pattern(300_000));
      const [response] = await once(asked, "response");
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      expect([response.statusCode, response.headers["x-te"]]).toEqual([201, "trailers"]);
      expect(Buffer.concat(chunks).equals(pattern(300_000))).toBe(true);
      if (!("x-length" in headers)) expect(response.trailers).toEqual({ "x-after": "t" });
    }
  });
});
