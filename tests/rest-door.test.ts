import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { gunzipSync, gzipSync } from "node:zlib";
import { Code, ConnectError, type HandlerContext, type Transport } from "@connectrpc/connect";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { fail, reasons } from "../mesh/contract/index.ts";
import { createLog } from "../mesh/observe/index.ts";
import { libraryRegistry, libraryService } from "../mesh/rest/fixtures/library-contract.ts";
import {
  createRpcServer,
  DEFAULT_RPC_LIMITS,
  implementation,
  memoryTransport,
  respondUnknownMethod,
} from "../mesh/rpc/index.ts";
import { systemRuntime, type Timers } from "../mesh/runtime/index.ts";
import { FakeStream, fakeTime } from "../mesh/testing/index.ts";
import { ErrorCode, HeaderList } from "../mesh/wire/index.ts";
import { type Checkpoint, createEdge } from "../services/gateway/edge/edge.ts";
import type { PackageContract } from "../services/gateway/registry/contracts.ts";
import { createRestDoor } from "../services/gateway/rest/rest-door.ts";
import type { BackendCall } from "../services/gateway/translate/backends.ts";

const runtime = systemRuntime();
const SHELF_UNKNOWN = reasons("library.v1")("SHELF_UNKNOWN", Code.NotFound, "Shelf {shelf} is unknown.");

const library: PackageContract = {
  name: "library.v1",
  hash: "1",
  services: [libraryService],
  registry: libraryRegistry,
  bytes: new Uint8Array(0),
};

/** Of a contract that no code was generated from: messages are what a handler says they are. */
type Handlers = Record<string, (request: never, context: HandlerContext) => unknown>;

/** The door on a port, in front of a library. */
const startDoor = async (
  handlers: Handlers,
  {
    checkpoints = [],
    isLearning = false,
    timers = runtime.timers,
    packages = [library],
  }: {
    checkpoints?: readonly Checkpoint[];
    isLearning?: boolean;
    timers?: Timers;
    packages?: readonly PackageContract[];
  } = {},
) => {
  const lines: Record<string, unknown>[] = [];
  const log = createLog({
    service: "gateway",
    level: "info",
    clock: runtime.clock,
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  });
  const missing = () => {
    throw new ConnectError("not in this test", Code.Unimplemented);
  };
  const all = Object.fromEntries(
    libraryService.methods.map(({ localName }) => [localName, handlers[localName] ?? missing]),
  );
  const backend = createRpcServer({
    implementations: [implementation(libraryService, all as never)],
    runtime,
    log,
    policies: false,
  });
  const calls: (BackendCall & { timeoutMs?: number | undefined })[] = [];
  const inner = memoryTransport(backend, runtime);
  const catalog = { current: packages, number: 1 };
  const door = createRestDoor({
    catalog: { packages: () => catalog.current, isOwn: () => false, version: () => catalog.number },
    backends: {
      transportFor(_method, call): Transport {
        const entry: (typeof calls)[number] = { ...call };
        calls.push(entry);
        return {
          unary(method, signal, timeoutMs, ...rest) {
            entry.timeoutMs = timeoutMs;
            return inner.unary(method, signal, timeoutMs, ...rest);
          },
          stream: (method, signal, timeoutMs, ...rest) => inner.stream(method, signal, timeoutMs, ...rest),
        };
      },
    },
    edge: createEdge(checkpoints),
    learning: () => isLearning,
    timers,
    ids: runtime.ids,
    log,
  });
  const server = createRpcServer({
    implementations: [],
    runtime,
    log,
    unmatched: (stream, headers, end) => {
      if (!door(stream, headers, end)) respondUnknownMethod(stream, headers, [], runtime.timers);
    },
  });
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(async () => {
    await Promise.all([server.drain(0), backend.drain(0)]);
  });
  const url = `http://127.0.0.1:${port}`;
  const call = async (request: string, init: RequestInit & { duplex?: "half" } = {}) => {
    const [method = "", path = ""] = request.split(" ");
    const response = await fetch(url + path, { method, ...init });
    const body = await response.text();
    const isJson = response.headers.get("content-type") === "application/json" && body !== "";
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(body) : body };
  };
  const admit = (...next: readonly PackageContract[]) => {
    catalog.current = next;
    catalog.number++;
  };
  return { url, port, call, calls, lines, admit, handle: server.handle };
};

const json = (body: string) => ({ body, headers: { "content-type": "application/json" } });
const errorInfo = (body: { details: readonly Record<string, unknown>[] }) =>
  body.details.find((detail) => detail["@type"] === "type.googleapis.com/google.rpc.ErrorInfo");

describe("a unary call", () => {
  test("is answered with JSON, and with the service's own headers and trailers", async () => {
    const { call } = await startDoor({
      listBooks: ({ parent, pageSize }: { parent: string; pageSize: number }, context) => {
        context.responseHeader.set("x-shelf", "oak");
        context.responseTrailer.set("x-after", "dust");
        return { books: [{ name: `${parent}/books/1`, pages: 5n }], nextPageToken: String(pageSize) };
      },
    });
    const { status, headers, body } = await call("GET /v1/shelves/1/books?page_size=2");
    expect({ status, body }).toEqual({
      status: 200,
      body: { books: [{ name: "shelves/1/books/1", pages: "5" }], nextPageToken: "2" },
    });
    expect(Object.fromEntries(headers)).toMatchObject({
      "content-type": "application/json",
      "content-length": String(JSON.stringify(body).length),
      "x-shelf": "oak",
      "trailer-x-after": "dust",
    });
  });

  test("is made on behalf of the request, within the time that the caller gives it", async () => {
    const { call, calls } = await startDoor({ getShelf: () => ({}) });
    await call("GET /v1/shelves/1", { headers: { authorization: "Bearer t", "connect-timeout-ms": "2500" } });
    await call("GET /v1/shelves/1", { headers: { "grpc-timeout": "3S" } });
    expect(calls[0]?.headers.get("authorization")).toBe("Bearer t");
    expect(calls.map(({ timeoutMs }) => timeoutMs)).toEqual([2_500, 3_000]);
    const { status, body } = await call("GET /v1/shelves/1", { headers: { "grpc-timeout": "soon" } });
    expect({ status, info: errorInfo(body) }).toMatchObject({ status: 400, info: { reason: "REQUEST_MALFORMED" } });
  });

  test("that fails is answered with its google.rpc.Status", async () => {
    const { call } = await startDoor({
      getShelf: ({ name }: { name: string }) => {
        throw fail(SHELF_UNKNOWN, { shelf: name });
      },
    });
    const { status, headers, body } = await call("GET /v1/shelves/1");
    expect({ status, type: headers.get("content-type"), body }).toEqual({
      status: 404,
      type: "application/json",
      body: {
        code: 5,
        message: "Shelf shelves/1 is unknown.",
        details: [
          {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            reason: "SHELF_UNKNOWN",
            domain: "library.v1",
            metadata: { shelf: "shelves/1" },
          },
        ],
      },
    });
  });

  test("that fails in words and details of the service's own is answered with these", async () => {
    const { call } = await startDoor({
      getShelf: () => {
        const error = new ConnectError("the shelf fell", Code.Internal);
        error.details.push({ desc: libraryRegistry.getMessage("library.v1.Shelf") as never, value: { theme: "oak" } });
        throw error;
      },
    });
    const { status, body } = await call("GET /v1/shelves/1");
    expect({ status, body }).toEqual({
      status: 500,
      body: {
        code: 13,
        message: "the shelf fell",
        details: [{ "@type": "type.googleapis.com/library.v1.Shelf", theme: "oak" }],
      },
    });
  });

  test("that fails in the gateway itself says nothing but where the log tells more", async () => {
    const { call, lines } = await startDoor(
      {},
      {
        checkpoints: [
          {
            prepare: () => {
              throw new Error("the secret reason");
            },
          },
        ],
      },
    );
    const { status, body } = await call("GET /v1/shelves/1?theme=a-person");
    expect([status, JSON.stringify(body).includes("secret")]).toEqual([500, false]);
    expect(lines).toContainEqual(expect.objectContaining({ msg: "REST call failed", path: "/v1/shelves/1" }));
  });

  test("whose answer has no JSON is an error of the service", async () => {
    const note = { typeUrl: "type.googleapis.com/no.Such", value: new Uint8Array([1]) };
    const { call } = await startDoor({ getShelf: () => ({ note }) });
    const { status, body } = await call("GET /v1/shelves/1");
    expect({ status, info: errorInfo(body) }).toMatchObject({ status: 500, info: { reason: "ANSWER_UNREADABLE" } });
  });

  test("by HEAD is that by GET without the body", async () => {
    const { call } = await startDoor({ getShelf: () => ({ theme: "x" }) });
    const { status, headers, body } = await call("HEAD /v1/shelves/1");
    expect([status, body, headers.get("content-length")]).toEqual([200, "", '{"theme":"x"}'.length.toString()]);
    const failed = await call("HEAD /v1/shelves/1?x=y");
    expect([failed.status, failed.body]).toEqual([400, ""]);
  });

  test("comes over HTTP/2 too", async () => {
    const { url } = await startDoor({ createShelf: ({ shelf }: { shelf: object }) => shelf });
    const session = connectHttp2(url);
    onTestFinished(() => void session.close());
    const stream = session.request({ ":method": "POST", ":path": "/v1/shelves", "content-type": "application/json" });
    stream.end('{"theme":"x"}');
    expect(await text(stream)).toBe('{"theme":"x"}');
  });

  test("whose caller leaves halfway is no error of ours", async () => {
    const { handle, lines } = await startDoor({});
    for (const code of [ErrorCode.NO_ERROR, ErrorCode.INTERNAL_ERROR, ErrorCode.CANCEL]) {
      const stream = new FakeStream();
      handle(stream, HeaderList.of({ ":method": "POST", ":path": "/v1/shelves" }), false);
      stream.data("{");
      stream.breaks(code, "peer");
    }
    await runtime.timers.sleep(1);
    expect(lines).toEqual([]);
  });

  test("is not waited for without end", async () => {
    const time = fakeTime();
    const { url, calls } = await startDoor({}, { timers: time.timers });
    const session = connectHttp2(url);
    onTestFinished(() => session.destroy());
    const stream = session.request({ ":method": "POST", ":path": "/v1/shelves", "content-type": "application/json" });
    stream.write('{"theme":');
    const answered = once(stream, "response");
    await vi.waitFor(() => expect(calls).toHaveLength(1));
    await time.advance(DEFAULT_RPC_LIMITS.requestTimeoutMs);
    const [headers] = await answered;
    expect(headers[":status"]).toBe(504);
    expect(errorInfo(JSON.parse(await text(stream)))).toMatchObject({ reason: "DEADLINE_EXCEEDED" });
  });
});

describe("what leads nowhere", () => {
  test("is 404 with the nearest path", async () => {
    const { call } = await startDoor({});
    const { status, body } = await call("GET /v1/book");
    expect({ status, body }).toMatchObject({
      status: 404,
      body: { code: 5, message: "/v1/book does not exist here; did you mean /v1/books?" },
    });
    expect((await call("GET /favicon.ico")).status).toBe(404);
  });

  test("may yet come while the gateway is new", async () => {
    const { call } = await startDoor({}, { isLearning: true });
    const { status, headers, body } = await call("GET /v1/book");
    expect([status, headers.get("retry-after"), errorInfo(body)?.reason]).toEqual([503, "1", "PATH_UNAVAILABLE"]);
  });

  test("by its HTTP method is 405 with those that it takes", async () => {
    const { call } = await startDoor({});
    const { status, headers, body } = await call("DELETE /v1/shelves");
    expect([status, headers.get("allow"), errorInfo(body)?.reason]).toEqual([405, "OPTIONS, POST", "VERB_NOT_ALLOWED"]);
    const options = await call("OPTIONS /v1/books");
    expect([options.status, options.headers.get("allow"), options.body]).toEqual([204, "GET, HEAD, OPTIONS", ""]);
  });

  test("as an RPC is left to those who answer RPCs", async () => {
    const { call } = await startDoor({});
    const rpc = await call("POST /library.v1.LibraryService/GetShelff", json("{}"));
    expect([rpc.status, rpc.body.code]).toEqual([501, "unimplemented"]);
    const grpc = await call("POST /v1/book", { headers: { "content-type": "application/grpc" } });
    expect([grpc.status, grpc.headers.get("grpc-status")]).toEqual([200, "12"]);
  });

  test("because it cannot be read is 400", async () => {
    const { call } = await startDoor({});
    expect((await call("GET /v1/shelves/%zz")).body).toMatchObject({
      code: 3,
      message: expect.stringContaining("UTF-8"),
    });
  });
});

describe("a body", () => {
  const echo: Handlers = { createShelf: ({ shelf }: { shelf: object }) => shelf };

  test("may be compressed by gzip, and by nothing else", async () => {
    const { call } = await startDoor(echo);
    const send = (encoding: string, body: Uint8Array<ArrayBuffer>) =>
      call("POST /v1/shelves", { body, headers: { "content-type": "application/json", "content-encoding": encoding } });
    expect((await send("gzip", new Uint8Array(gzipSync('{"theme":"x"}')))).body).toEqual({ theme: "x" });
    expect((await send("identity", new TextEncoder().encode("{}"))).status).toBe(200);
    const brotli = await send("br", new Uint8Array([1, 2]));
    expect([brotli.status, brotli.headers.get("accept-encoding")]).toEqual([415, "gzip"]);
    expect((await send("gzip", new Uint8Array([1, 2]))).body).toMatchObject({ code: 3 });
  });

  test("of another form is 415", async () => {
    const { call } = await startDoor(echo);
    const form = await call("POST /v1/shelves", { body: new URLSearchParams({ theme: "x" }) });
    expect([form.status, errorInfo(form.body)?.reason]).toEqual([415, "MEDIA_TYPE_UNSUPPORTED"]);
  });

  test("over 4 MiB is 413, whether it says so or not, and inflated too", async () => {
    const { call } = await startDoor(echo);
    const large = `{"theme":"${"x".repeat(4 * 1024 * 1024)}"}`;
    const told = await call("POST /v1/shelves", json(large));
    const untold = await call("POST /v1/shelves", {
      body: new Blob([large]).stream(),
      duplex: "half",
      headers: { "content-type": "application/json" },
    });
    const inflated = await call("POST /v1/shelves", {
      body: new Uint8Array(gzipSync(large)),
      headers: { "content-type": "application/json", "content-encoding": "gzip" },
    });
    for (const { status, body } of [told, untold, inflated])
      expect([status, errorInfo(body)?.reason]).toEqual([413, "BODY_TOO_LARGE"]);
  });

  test("of an answer is compressed where the caller takes that and it is worth it", async () => {
    const { url } = await startDoor({
      getShelf: ({ name }: { name: string }) => ({ theme: name.repeat(name.length) }),
    });
    const raw = async (path: string, accept: string) => {
      const session = connectHttp2(url);
      const stream = session.request({ ":path": path, "accept-encoding": accept });
      const [headers] = (await Promise.all([new Promise((done) => stream.once("response", done))])) as [object];
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk);
      session.close();
      return { headers, body: Buffer.concat(chunks) };
    };
    const long = `/v1/shelves/${"x".repeat(40)}`;
    const packed = await raw(long, "br, gzip;q=0.8");
    expect(packed.headers).toMatchObject({ "content-encoding": "gzip", vary: "accept-encoding" });
    expect(JSON.parse(gunzipSync(packed.body).toString()).theme).toContain("xxx");
    expect((await raw(long, "gzip;q=0")).headers).not.toHaveProperty("content-encoding");
    expect((await raw("/v1/shelves/1", "gzip")).headers).not.toHaveProperty("content-encoding");
  });
});

describe("the edge", () => {
  test("is asked before the body is read, and its fields are on every answer", async () => {
    let isOpen = false;
    let handled = 0;
    const seen: string[] = [];
    const checkpoint: Checkpoint = {
      prepare({ method, headers, facts }) {
        seen.push(`${method.name} ${headers.get("authorization")}`);
        facts.answerFields.push("deprecation", "@1");
        return () => (isOpen ? undefined : fail({ ...SHELF_UNKNOWN, code: Code.Unauthenticated }, { shelf: "x" }));
      },
    };
    const { call } = await startDoor(
      {
        createShelf: () => {
          handled++;
          return {};
        },
      },
      { checkpoints: [checkpoint] },
    );
    const refused = await call("POST /v1/shelves", { ...json("{"), headers: { authorization: "Bearer t" } });
    expect([refused.status, refused.headers.get("www-authenticate"), refused.headers.get("deprecation")]).toEqual([
      401,
      "Bearer",
      "@1",
    ]);
    isOpen = true;
    const passed = await call("POST /v1/shelves", json("{}"));
    expect([passed.status, passed.headers.get("deprecation"), handled]).toEqual([200, "@1", 1]);
    expect(seen).toEqual(["CreateShelf Bearer t", "CreateShelf undefined"]);
  });
});

describe("a stream of replies", () => {
  const watch = (replies: () => AsyncIterable<object>): Handlers => ({ watchShelf: replies, watchThemes: replies });
  const two = async function* () {
    yield { theme: "a" };
    yield { theme: "b" };
  };
  const failing = async function* () {
    yield { theme: "a" };
    throw fail(SHELF_UNKNOWN, { shelf: "x" });
  };
  const EVENTS = { headers: { accept: "text/event-stream" } };

  test("is a line of JSON for each", async () => {
    const { call } = await startDoor(watch(two));
    const { status, headers, body } = await call("GET /v1/shelves/1:watch");
    expect([status, headers.get("content-type")]).toEqual([200, "application/x-ndjson"]);
    expect(body).toBe('{"result":{"theme":"a"}}\n{"result":{"theme":"b"}}\n');
    expect((await call("GET /v1/shelves/1:watchThemes")).body).toBe('{"result":"a"}\n{"result":"b"}\n');
  });

  test("is an event for each where events are asked for", async () => {
    const { call } = await startDoor(watch(two));
    const { headers, body } = await call("GET /v1/shelves/1:watch", EVENTS);
    expect([headers.get("content-type"), headers.get("cache-control")]).toEqual(["text/event-stream", "no-cache"]);
    expect(body).toBe('data: {"theme":"a"}\n\ndata: {"theme":"b"}\n\nevent: end\ndata: {}\n\n');
  });

  test("that fails at once has a status of HTTP", async () => {
    const { call } = await startDoor(
      watch(() => {
        throw fail(SHELF_UNKNOWN, { shelf: "x" });
      }),
    );
    const { status, body } = await call("GET /v1/shelves/1:watch", EVENTS);
    expect([status, errorInfo(body)?.reason]).toEqual([404, "SHELF_UNKNOWN"]);
    expect((await call("GET /v1/shelves/1:watch?x=1", EVENTS)).status).toBe(400);
  });

  test("that fails later ends with the error", async () => {
    const { call } = await startDoor(watch(failing));
    const [first, last] = (await call("GET /v1/shelves/1:watch")).body
      .trim()
      .split("\n")
      .map((line: string) => JSON.parse(line));
    expect([first, last]).toMatchObject([
      { result: { theme: "a" } },
      { error: { code: 5, message: "Shelf x is unknown." } },
    ]);
    const { body } = await call("GET /v1/shelves/1:watch", EVENTS);
    expect(body).toContain('event: error\ndata: {"code":5,"message":"Shelf x is unknown."');
    expect(body).not.toContain("event: end");
  });

  test("that is silent has its header after a second, and says every 15 seconds that it lives", async () => {
    const time = fakeTime();
    const gate = Promise.withResolvers<void>();
    const silent = async function* () {
      await gate.promise;
      yield { theme: "a" };
    };
    const { url } = await startDoor(watch(silent), { timers: time.timers });
    const asked = fetch(`${url}/v1/shelves/1:watch`, EVENTS);
    await expect.poll(() => time.pending()).toBeGreaterThan(0);
    await time.advance(1_000);
    const response = await asked;
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    for (let comments = 0; comments < 2; comments++) {
      await expect.poll(() => time.pending()).toBeGreaterThan(0);
      await time.advance(15_000);
      expect((await reader?.read())?.value).toBe(": keep-alive\n\n");
    }
    gate.resolve();
    expect((await reader?.read())?.value).toContain('data: {"theme":"a"}\n\n');
    await reader?.cancel();
  });

  test("ends when its reader leaves, and goes no faster than it reads", async () => {
    let sent = 0;
    const ended = Promise.withResolvers<void>();
    const endless = async function* () {
      try {
        for (;;) {
          yield { theme: "x".repeat(64 * 1024) };
          sent++;
        }
      } finally {
        ended.resolve();
      }
    };
    const { port } = await startDoor(watch(endless));
    const socket = connect(port, "127.0.0.1");
    socket.pause();
    socket.write("GET /v1/shelves/1:watch HTTP/1.1\r\nhost: x\r\n\r\n");
    await expect.poll(() => sent).toBeGreaterThan(2);
    // What the buffers of the kernel take is soon full.
    const counts: number[] = [];
    const isSteady = () => counts.push(sent) > 1 && counts.at(-1) === counts.at(-2);
    await expect.poll(isSteady, { interval: 200, timeout: 20_000 }).toBe(true);
    expect(sent).toBeLessThan(1_000);
    socket.destroy();
    await ended.promise;
  });

  test("ends when its reader leaves while there is nothing to read", async () => {
    const left = Promise.withResolvers<void>();
    const { url } = await startDoor({
      watchShelf: async function* (_: never, { signal }) {
        yield { theme: "a" };
        signal.addEventListener("abort", () => left.resolve());
        await left.promise;
      },
    });
    const response = await fetch(`${url}/v1/shelves/1:watch`, EVENTS);
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    await left.promise;
  });

  test("by HEAD is its header, and ends", async () => {
    const ended = Promise.withResolvers<void>();
    const { call } = await startDoor(
      watch(async function* () {
        try {
          yield { theme: "a" };
          yield { theme: "b" };
        } finally {
          ended.resolve();
        }
      }),
    );
    const { status, headers, body } = await call("HEAD /v1/shelves/1:watch");
    expect([status, headers.get("content-type"), body]).toEqual([200, "application/x-ndjson", ""]);
    await ended.promise;
  });
});

describe("raw bodies", () => {
  test("pass as they are, both ways", async () => {
    const { call } = await startDoor({
      post: ({ contentType, data }: { contentType: string; data: Uint8Array }) => ({
        contentType: contentType.toUpperCase(),
        data: data.toReversed(),
      }),
    });
    const { headers, body } = await call("POST /v1/raw", { body: "abc", headers: { "content-type": "text/plain" } });
    expect([headers.get("content-type"), body]).toEqual(["TEXT/PLAIN", "cba"]);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
  });

  test("are streamed as one download, of the type of the first piece", async () => {
    const { call } = await startDoor({
      download: async function* ({ path }: { path: string }) {
        yield { contentType: "text/csv", data: Buffer.from(`${path}\n`) };
        yield { data: Buffer.from("1,2\n") };
      },
    });
    const { headers, body } = await call("GET /v1/downloads/a/b.csv");
    expect([headers.get("content-type"), body]).toEqual(["text/csv", "a/b.csv\n1,2\n"]);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
  });

  test("that fail on the way are broken off, for there is no place for an error", async () => {
    const { call } = await startDoor({
      download: async function* () {
        yield { contentType: "text/csv", data: Buffer.from("1,2\n") };
        throw fail(SHELF_UNKNOWN, { shelf: "x" });
      },
    });
    await expect(call("GET /v1/downloads/a")).rejects.toThrow();
  });

  test("are taken in pieces, however large, of which the first says what path and query do", async () => {
    const seen: string[] = [];
    const { call } = await startDoor({
      upload: async (
        requests: AsyncIterable<{ path: string; reason: string; content: { contentType: string; data: Uint8Array } }>,
      ) => {
        let bytes = 0;
        for await (const { path, reason, content } of requests) {
          if (bytes === 0) seen.push(path, reason, content.contentType);
          else expect([path, reason, content.contentType]).toEqual(["", "", ""]);
          bytes += content.data.length;
        }
        return { path: seen[0], revision: bytes };
      },
    });
    const { body } = await call("POST /v1/uploads/a/b?reason=r", {
      body: new Uint8Array(6 * 1024 * 1024),
      headers: { "content-type": "image/png" },
    });
    expect(body).toEqual({ path: "a/b", revision: 6 * 1024 * 1024 });
    expect(seen).toEqual(["a/b", "r", "image/png"]);
  });

  test("are not sent for where the path or the query is wrong", async () => {
    let calls = 0;
    const { call } = await startDoor({ upload: () => calls++ });
    const { status, body } = await call("POST /v1/uploads/a?resaon=r", { body: "abc" });
    expect([status, body.message, calls]).toEqual([400, expect.stringContaining("did you mean reason?"), 0]);
  });

  test("cannot be compressed where they are streamed", async () => {
    const { call } = await startDoor({ upload: () => ({}) });
    const { status, headers } = await call("POST /v1/uploads/a", {
      body: new Uint8Array(gzipSync("x")),
      headers: { "content-encoding": "gzip" },
    });
    expect([status, headers.get("accept-encoding")]).toEqual([415, "identity"]);
  });

  test("are the only streams of requests", async () => {
    const { call } = await startDoor({});
    const { status, body } = await call("POST /v1/chat", json("{}"));
    expect([status, errorInfo(body)?.reason]).toEqual([501, "STREAM_UNSUPPORTED"]);
  });
});

describe("contracts", () => {
  test("that come later are callable at once, and gone when they are gone", async () => {
    const { call, admit } = await startDoor({ getShelf: () => ({}) }, { packages: [] });
    expect((await call("GET /v1/shelves/1")).status).toBe(404);
    admit(library);
    expect((await call("GET /v1/shelves/1")).status).toBe(200);
    admit({ ...library, hash: "2", services: [] });
    expect((await call("GET /v1/shelves/1")).status).toBe(404);
    admit();
    expect((await call("GET /v1/shelves/1")).status).toBe(404);
  });

  test("that want a path which another has do not get it, and the log says so once", async () => {
    const { call, admit, lines } = await startDoor({ getShelf: () => ({}) });
    await call("GET /v1/shelves/1");
    admit({ ...library, name: "archive.v1" }, library);
    expect((await call("GET /v1/shelves/1")).status).toBe(200);
    await call("GET /v1/shelves/1");
    const told = lines.filter(({ path, verb }) => path === "/v1/{name=shelves/*}" && verb === "GET");
    expect(told).toMatchObject([
      { package: "archive.v1", keptBy: "library.v1.LibraryService/GetShelf", msg: expect.stringContaining("is taken") },
    ]);
  });
});
