import { create, type DescService, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type ServiceImpl, type Transport } from "@connectrpc/connect";
import {
  compressionGzip,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { ErrorInfoSchema } from "@heddle/contracts/google/rpc";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { gatewayBefore } from "./gateway-before.ts";
import { InteropService, registry } from "./interop/contract.ts";
import { SCENARIOS } from "./interop/scenarios.ts";
import { serveBare } from "./interop/serve-bare.ts";
import { serveGrpcJs } from "./interop/serve-grpc-js.ts";

// An instance that speaks gRPC alone, by grpc-js: everything else is the gateway's doing.

const SAY = "/interop.v1.InteropService/Say";
const REPEAT = "/interop.v1.InteropService/Repeat";
const MIB = 1024 * 1024;

let url: string;
let stop: () => Promise<void>;

beforeAll(async () => {
  const instance = await serveGrpcJs();
  const gateway = await gatewayBefore([{ port: instance.port, services: [InteropService as unknown as DescService] }]);
  url = gateway.url;
  stop = async () => {
    await gateway.stop();
    await instance.drain(0);
  };
});
afterAll(() => stop());

type Options = Pick<Parameters<typeof createConnectTransport>[0], "sendCompression">;

const PROTOCOLS: Readonly<Record<string, (options: Options) => Transport>> = {
  gRPC: (options) => createGrpcTransport({ baseUrl: url, ...options }),
  "gRPC-Web over HTTP/1.1": (options) => createGrpcWebTransport({ baseUrl: url, httpVersion: "1.1", ...options }),
  "gRPC-Web over HTTP/2": (options) => createGrpcWebTransport({ baseUrl: url, httpVersion: "2", ...options }),
  "gRPC-Web in JSON": (options) =>
    createGrpcWebTransport({ baseUrl: url, httpVersion: "2", useBinaryFormat: false, ...options }),
  "Connect over HTTP/1.1": (options) =>
    createConnectTransport({ baseUrl: url, httpVersion: "1.1", useBinaryFormat: true, ...options }),
  "Connect over HTTP/2": (options) =>
    createConnectTransport({ baseUrl: url, httpVersion: "2", useBinaryFormat: true, ...options }),
  "Connect in JSON": (options) =>
    createConnectTransport({ baseUrl: url, httpVersion: "2", useBinaryFormat: false, ...options }),
};

/** Both directions at once are not to be had over HTTP/1.1. */
const NEEDS_HTTP2 = new Set(["bidirectional streaming", "cancellation"]);
/** A client that has a detail of an unknown type cannot send it in JSON. */
const NEEDS_BINARY = "error with details";
/** More than the gateway takes in one message, and more than a busy machine gets done before their deadline. */
const TOO_MUCH = new Set(["large messages", "many calls at once"]);

describe.each(Object.entries(PROTOCOLS))("%s", (name, made) => {
  const scenarios = Object.entries(SCENARIOS).filter(
    ([scenario]) =>
      !TOO_MUCH.has(scenario) &&
      !(name.endsWith("HTTP/1.1") && NEEDS_HTTP2.has(scenario)) &&
      !(name.endsWith("JSON") && scenario === NEEDS_BINARY),
  );

  test.each(scenarios)("%s", async (_, scenario) => {
    const transports = { plain: made({}), gzip: made({ sendCompression: compressionGzip }) };
    await scenario(createClient(InteropService, transports.plain), transports);
  });

  test("hundreds of calls at once get each its own reply", async () => {
    const client = createClient(InteropService, made({}));
    const calls = Array.from({ length: 300 }, async (_, index) => {
      const { payload } = await client.say({ order: { payload: Buffer.from(String(index)), delayMs: index % 5 } });
      return Buffer.from(payload).toString();
    });
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 300 }, (_, index) => String(index)));
  });

  test("messages of megabytes pass", async () => {
    const payload = Buffer.alloc(2 * MIB, "heddle");
    const reply = await createClient(InteropService, made({})).say({ order: { payload } });
    expect(payload.equals(reply.payload)).toBe(true);
  });
});

describe.each(Object.entries(PROTOCOLS).slice(1))("%s, translated", (_, made) => {
  test("a message over the bound is refused, be it the request's or the reply's", async () => {
    const client = createClient(InteropService, made({}));
    for (const order of [{ payload: Buffer.alloc(4 * MIB) }, { paddingBytes: 4 * MIB }]) {
      const error = await failureOf(client.say({ order }));
      expect([Code[error.code], reasonOf(error)]).toEqual(["ResourceExhausted", "MESSAGE_TOO_LARGE"]);
    }
  });

  test("a deadline that passes says so with its reason", async () => {
    const client = createClient(InteropService, made({}));
    const error = await failureOf(client.say({ order: { delayMs: 60_000 } }, { timeoutMs: 50 }));
    expect(Code[error.code]).toBe("DeadlineExceeded");
  });
});

/** A request by hand. */
const post = (path: string, type: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
  fetch(`${url}${path}`, { method: "POST", headers: { "content-type": type, ...headers }, body });

test("a request that cannot be read is refused in the words of a service", async () => {
  const refusals = [
    ["application/json", '{"ordr":{}}', "ordr is not a field of interop.v1.SayRequest (did you mean order?)"],
    ["application/json", '{"order":{} x}', "its JSON is broken at character 13"],
    ["application/json", '{"order":{"delayMs":"soon"}}', "order.delay_ms must be"],
    ["application/proto", Buffer.of(0x0a, 0x05, 0x01), "its bytes are not a interop.v1.SayRequest"],
  ] as const;
  for (const [type, body, problem] of refusals) {
    const response = await post(SAY, type, body);
    expect(response.status).toBe(400);
    const { code, message, details } = (await response.json()) as Answer;
    expect(code).toBe("invalid_argument");
    expect(message).toContain(problem);
    expect(details[0]?.debug).toMatchObject({ reason: "REQUEST_MALFORMED", domain: "interop.v1" });
  }
});

test("an instance's error shows in JSON what its details say, where their type is known", async () => {
  const value = Buffer.from(toBinary(SayRequestSchema, create(SayRequestSchema, { order: { delayMs: 7 } } as never)));
  const known = { "@type": "type.googleapis.com/interop.v1.SayRequest", order: { delayMs: 7 } };
  const order = { failure: { code: 5, message: "none", details: [known] } };
  const response = await post(SAY, "application/json", JSON.stringify({ order }));
  expect(response.status).toBe(404);
  expect(await response.json()).toEqual({
    code: "not_found",
    message: "none",
    details: [
      {
        type: "interop.v1.SayRequest",
        value: value.toString("base64").replace(/=+$/, ""),
        debug: { order: { delayMs: 7 } },
      },
    ],
  });
});

test("an instance's error without details stays one", async () => {
  for (const code of [2, 13]) {
    const order = { failure: { code, message: "parse binary: mine" } };
    const response = await post(SAY, "application/json", JSON.stringify({ order }));
    expect(await response.json()).toEqual({ code: code === 2 ? "unknown" : "internal", message: "parse binary: mine" });
  }
});

test("a long answer is compressed for who takes gzip, a short one is not", async () => {
  const ask = async (paddingBytes: number, accept: string) => {
    const response = await post(SAY, "application/json", JSON.stringify({ order: { paddingBytes } }), {
      "accept-encoding": accept,
    });
    const { payload = "" } = (await response.json()) as { payload?: string };
    expect(Buffer.from(payload, "base64")).toHaveLength(paddingBytes);
    return response.headers.get("content-encoding");
  };
  expect(await ask(10_000, "gzip")).toBe("gzip");
  expect(await ask(10_000, "identity")).toBe(null);
  expect(await ask(10, "gzip")).toBe(null);
});

test("gRPC-Web's text form passes both ways, its request in padded pieces or not", async () => {
  const message = toBinary(
    RepeatRequestSchema,
    create(RepeatRequestSchema, { count: 3, order: { paddingBytes: 2 } } as never),
  );
  const frame = Buffer.concat([Buffer.of(0, 0, 0, 0, message.length), message]);
  const pieces = frame.subarray(0, 4).toString("base64") + frame.subarray(4).toString("base64");
  for (const body of [frame.toString("base64"), pieces]) {
    const response = await post(REPEAT, "application/grpc-web-text", body, { accept: "application/grpc-web-text" });
    expect(response.headers.get("content-type")).toBe("application/grpc-web-text");
    const bytes = Buffer.concat(
      (await response.text()).match(/[^=]+=*/g)?.map((part) => Buffer.from(part, "base64")) ?? [],
    );
    const reply = Buffer.of(0, 0, 0, 0, 4, 10, 2, 0, 0);
    expect(bytes.subarray(0, 27)).toEqual(Buffer.concat([reply, reply, reply]));
    expect(bytes.subarray(27).toString()).toContain("grpc-status: 0");
  }
  const broken = await post(REPEAT, "application/grpc-web-text", "a=b!");
  const trailers = decodeURIComponent(Buffer.from(await broken.text(), "base64").toString());
  expect(trailers).toContain("its text is not base64");
});

test("a GET tells where its message belongs", async () => {
  const response = await fetch(`${url}/grpc.health.v1.Health/Check`);
  expect([response.status, response.headers.get("allow")]).toEqual([405, "POST"]);
  const registry = `${url}/heddle.registry.v1.RegistryService/ListServices`;
  const bare = await fetch(registry);
  expect(bare.status).toBe(415);
  expect(((await bare.json()) as Answer).message).toContain("?connect=v1&encoding=json&message=%7B%7D");
  expect((await fetch(`${registry}?connect=v1&encoding=json&message=%7B%7D`)).status).toBe(200);
});

test("a wrong verb is answered by 405 with those that are right, a wrong type by 415", async () => {
  const wrong = await fetch(`${url}${SAY}`);
  expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "POST"]);
  expect((await post(SAY, "text/plain", "hello")).status).toBe(415);
});

/** A gateway before handlers of a test's own. */
const startWith = async (handlers: Partial<ServiceImpl<typeof InteropService>>) => {
  const instance = await serveBare({ service: InteropService, handlers, registry });
  const gateway = await gatewayBefore([{ port: instance.port, services: [InteropService as unknown as DescService] }]);
  onTestFinished(async () => {
    await gateway.stop();
    await instance.drain(0);
  });
  const transport = createConnectTransport({ baseUrl: gateway.url, httpVersion: "2", useBinaryFormat: true });
  return createClient(InteropService, transport);
};

/** Resolves to a number that grows, once it has stopped. */
const settled = async (read: () => number): Promise<number> => {
  for (;;) {
    const before = read();
    for (let turns = 0; turns < 300; turns++) await new Promise((resolve) => setImmediate(resolve));
    if (read() === before) return before;
  }
};

/** Messages of this size, of which the windows on the way hold some; without back-pressure there would be no end to them. */
const PIECE = Buffer.alloc(256 * 1024);
const HELD_MAX = 40;

test("a caller that reads nothing keeps the instance waiting, and its leaving ends the instance's work", async () => {
  let sent = 0;
  let ended = false;
  const client = await startWith({
    async *repeat() {
      try {
        for (; ; sent++) yield { payload: PIECE };
      } finally {
        ended = true;
      }
    },
  });
  const leave = new AbortController();
  const replies = client.repeat({}, { signal: leave.signal })[Symbol.asyncIterator]();
  await replies.next();
  expect(await settled(() => sent)).toBeLessThan(HELD_MAX);
  for (let taken = 0; taken < 20; taken++) await replies.next();
  expect(ended).toBe(false);
  leave.abort();
  await replies.next().catch(() => undefined);
  await expect.poll(() => ended).toBe(true);
});

test("an instance that reads nothing keeps the caller waiting", async () => {
  let begin = () => undefined as unknown;
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const client = await startWith({
    async gather(requests) {
      await begun;
      let bytes = 0;
      for await (const { order } of requests) bytes += order?.payload.length ?? 0;
      return { payload: Buffer.from(String(bytes)) };
    },
  });
  let sent = 0;
  const all = HELD_MAX * 3;
  const requests = (async function* () {
    for (; sent < all; sent++) yield { order: { payload: PIECE } };
  })();
  const reply = client.gather(requests);
  expect(await settled(() => sent)).toBeLessThan(HELD_MAX);
  begin();
  expect(Buffer.from((await reply).payload).toString()).toBe(String(all * PIECE.length));
});

test("an instance hears the caller's metadata and deadline, who it is, and that it came by the gateway", async () => {
  let heard = new Headers();
  let leftMs: number | undefined;
  const client = await startWith({
    say(_, context) {
      heard = context.requestHeader;
      leftMs = context.timeoutMs();
      return {};
    },
  });
  const headers = { authorization: "Bearer mine", "x-mine-bin": "AAE", "x-forwarded-for": "10.0.0.1" };
  await client.say({}, { headers, timeoutMs: 5_000 });
  expect(Object.fromEntries(heard)).toMatchObject({
    authorization: "Bearer mine",
    "x-mine-bin": "AAE",
    "x-forwarded-for": "127.0.0.1",
    via: expect.stringMatching(/^2\.0 ins_/),
    traceparent: expect.stringMatching(/^00-/),
    "content-type": "application/grpc",
  });
  expect(heard.has("connect-timeout-ms")).toBe(false);
  expect(leftMs).toBeGreaterThan(4_000);
  expect(leftMs).toBeLessThanOrEqual(5_000);
  await client.say({});
  expect(leftMs).toBeUndefined();
});

interface Answer {
  readonly code: string;
  readonly message: string;
  readonly details: readonly { readonly debug: unknown }[];
}

const SayRequestSchema = InteropService.method.say.input;
const RepeatRequestSchema = InteropService.method.repeat.input;

const reasonOf = (error: ConnectError): string | undefined => error.findDetails(ErrorInfoSchema)[0]?.reason;

const failureOf = async (call: Promise<unknown>): Promise<ConnectError> => {
  try {
    await call;
  } catch (error) {
    return ConnectError.from(error);
  }
  return expect.fail("the call succeeded");
};
