import { createHash } from "node:crypto";
import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import { gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { type CallOptions, Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectNodeTransport, heddleTransport } from "./interop/bare-transport.ts";
import { InteropService, registry } from "./interop/contract.ts";
import { interopHandlers } from "./interop/handlers.ts";
import { type BareServer, serveBare } from "./interop/serve-bare.ts";
import { serveConnectNode } from "./interop/serve-connect-node.ts";

// The same handlers behind Heddle's wire and behind Connect's own adapter, called in the same way by Heddle's client and by
// Connect's: whatever is asked, all four must come to the same answer.

/** Bytes of one message that both servers and clients take. */
const MESSAGE_BYTES_MAX = 8 << 20;

let servers: { ours: BareServer; reference: BareServer };
/** Client and server, in every combination; the first is the yardstick. */
let pairs: { name: string; plain: Transport; gzip: Transport }[];

beforeAll(async () => {
  const options = {
    service: InteropService,
    handlers: interopHandlers,
    registry,
    messageBytesMax: MESSAGE_BYTES_MAX,
  };
  servers = { ours: await serveBare(options), reference: await serveConnectNode(options) };
  const pair = (
    name: string,
    server: BareServer,
    client: (options: { baseUrl: string; messageBytesMax: number; gzip?: boolean }) => Transport,
  ) => {
    const base = { baseUrl: `http://127.0.0.1:${server.port}`, messageBytesMax: MESSAGE_BYTES_MAX };
    return { name, plain: client(base), gzip: client({ ...base, gzip: true }) };
  };
  pairs = [
    pair("Connect's client, Connect's server", servers.reference, connectNodeTransport),
    pair("Connect's client, our server", servers.ours, connectNodeTransport),
    pair("our client, Connect's server", servers.reference, heddleTransport),
    pair("our client, our server", servers.ours, heddleTransport),
  ];
});
afterAll(async () => {
  await Promise.all([servers.ours.drain(0), servers.reference.drain(0)]);
});

test("any call has the same outcome on both wires", async () => {
  await fc.assert(
    fc.asyncProperty(anyCall, async (call) => {
      const [yardstick, ...others] = await Promise.all(pairs.map((pair) => outcomeOf(pair, call)));
      for (const [index, other] of others.entries()) expect(other, pairs[index + 1]?.name).toEqual(yardstick);
    }),
    { numRuns: 150, endOnFailure: false },
  );
}, 60_000);

test.each([0, 1, 16_384, 65_535, 65_536, 1 << 20, 5 << 20])(
  "a payload of %i bytes comes back whole",
  async (bytes) => {
    const payload = Buffer.alloc(bytes, "heddle");
    for (const kind of ["say", "gather", "repeat", "converse"] as const) {
      for (const gzip of [false, true]) {
        const call: Call = { kind, orders: [{ payload }], count: 1, header: [], gzip };
        const outcomes = await Promise.all(pairs.map((pair) => outcomeOf(pair, call)));
        for (const { replies, error } of outcomes) {
          expect(error).toBeUndefined();
          expect(replies).toEqual([digest(payload)]);
        }
      }
    }
  },
  60_000,
);

test.each(["say", "gather", "repeat", "converse"] as const)("%s ends at its deadline", async (kind) => {
  const call: Call = { kind, orders: [{ delayMs: 60_000 }], count: 1, header: [], gzip: false, timeoutMs: 50 };
  for (const pair of pairs)
    expect(await outcomeOf(pair, call), pair.name).toMatchObject({ error: { code: "DeadlineExceeded" } });
});

test.each(["repeat", "converse"] as const)(
  "%s that is cancelled while replies come ends as cancelled",
  async (kind) => {
    const orders = Array.from({ length: 8 }, (_, index) => ({ payload: Buffer.of(index), delayMs: 1 }));
    const call: Call = { kind, orders, count: 8, header: [], gzip: false, cancelAfter: 3 };
    for (const pair of pairs) {
      const { replies, error } = await outcomeOf(pair, call);
      expect(error, pair.name).toMatchObject({ code: "Canceled" });
      expect(replies.length, pair.name).toBe(3);
    }
  },
);

test("requests as no client of ours would write them have the same outcome on both servers", async () => {
  const sessions = [servers.reference, servers.ours].map(({ port }) => connect(`http://127.0.0.1:${port}`));
  try {
    await fc.assert(
      fc.asyncProperty(anyRawCall, async (call) => {
        const [yardstick, ours] = await Promise.all(sessions.map((session) => rawOutcomeOf(session, call)));
        expect(ours).toEqual(yardstick);
      }),
      { numRuns: 400 },
    );
  } finally {
    for (const session of sessions) session.destroy();
  }
}, 60_000);

/** A request byte by byte. */
interface RawCall {
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly envelopes: readonly Envelope[];
  /** Bytes of each piece of the body, over and over. */
  readonly pieceBytes: number;
}

interface Envelope {
  readonly flags: number;
  readonly data: Uint8Array;
  /** The length that it claims, less the length that it has. */
  readonly lengthOffset: number;
}

const PLAIN = { flags: 0, lengthOffset: 0 };
const message = fc.uint8Array({ maxLength: 200 }).map(sayRequest);
const plain = message.map((data): Envelope => ({ ...PLAIN, data }));

/** What may be odd or wrong in a request: headers to replace, and what to send after the messages. */
const oddity: fc.Arbitrary<{ headers?: RawCall["headers"]; last?: Envelope; more?: boolean }> = fc.oneof(
  fc.constantFrom("POST", "GET", "PUT").map((method) => ({ headers: { ":method": method } })),
  fc
    .constantFrom(
      "application/grpc",
      "application/grpc+proto",
      "application/grpc+json",
      "application/grpcx",
      "text/plain",
    )
    .map((type) => ({ headers: { "content-type": type } })),
  fc.constantFrom("identity", "gzip", "snappy").map((name) => ({ headers: { "grpc-encoding": name } })),
  fc.constantFrom("gzip", "identity", "snappy, gzip").map((names) => ({ headers: { "grpc-accept-encoding": names } })),
  fc
    .constantFrom("30S", "1H", "1x", "-1S", "123456789S", "", "1")
    .map((timeout) => ({ headers: { "grpc-timeout": timeout } })),
  fc.constant({ headers: { te: undefined } }),
  fc.constant({ headers: { ":path": "/interop.v1.InteropService/Missing" } }),
  fc
    .constantFrom(1, 1 << 24, 0x7fff_ffff)
    .map((lengthOffset) => ({ last: { flags: 0, data: sayRequest(BYTES), lengthOffset } })),
  fc.uint8Array({ maxLength: 20 }).map((data) => ({ last: { ...PLAIN, data } })),
  message.map((data) => ({ last: { ...PLAIN, flags: 1, data: gzipSync(data) }, headers: { "grpc-encoding": "gzip" } })),
  message.map((data) => ({ last: { ...PLAIN, flags: 1, data }, headers: { "grpc-encoding": "gzip" } })),
  message.map((data) => ({ last: { ...PLAIN, flags: 1, data } })),
  // More messages than one where one is wanted; or none, with nothing that is odd.
  message.map((data) => ({ last: { ...PLAIN, data }, more: true })),
  fc.constant({}),
);

const BYTES = Buffer.from("heddle");

const anyRawCall: fc.Arbitrary<RawCall> = fc
  .tuple(
    fc.constantFrom("Say", "Gather", "Repeat", "Converse"),
    fc.array(plain, { maxLength: 3 }),
    oddity,
    fc.integer({ min: 1, max: 300 }),
  )
  .map(([method, before, { headers, last, more = last === undefined }, pieceBytes]) => {
    const streams = method === "Gather" || method === "Converse";
    // Of two faults in one request each server may find another first: there is one at most.
    const kept = streams ? before : before.slice(0, more ? 1 : 0);
    return {
      headers: {
        ":path": `/interop.v1.InteropService/${method}`,
        ":method": "POST",
        "content-type": "application/grpc",
        te: "trailers",
        ...headers,
      },
      envelopes: last === undefined ? kept : [...kept, last],
      pieceBytes,
    };
  });

function sayRequest(payload: Uint8Array): Uint8Array {
  const { input } = InteropService.method.say;
  return toBinary(input, create(input, { order: { payload } } as never));
}

const bodyOf = ({ envelopes }: RawCall): Buffer =>
  Buffer.concat(
    envelopes.flatMap(({ flags, data, lengthOffset }) => {
      const prefix = Buffer.alloc(5);
      prefix[0] = flags;
      prefix.writeUInt32BE(Math.max(0, data.length + lengthOffset), 1);
      return [prefix, data];
    }),
  );

const rawOutcomeOf = async (session: ClientHttp2Session, call: RawCall): Promise<unknown> => {
  const headers = Object.entries(call.headers).filter(([, value]) => value !== undefined);
  const stream = session.request(Object.fromEntries(headers), { endStream: false });
  const fields: Record<string, unknown> = {};
  const keep = (received: Record<string, unknown>) => Object.assign(fields, received);
  stream.on("response", keep);
  stream.on("trailers", keep);
  stream.on("error", () => undefined);
  const body = bodyOf(call);
  for (let at = 0; at < body.length && stream.writable; at += call.pieceBytes) {
    stream.write(body.subarray(at, at + call.pieceBytes));
  }
  stream.end();
  const replies: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => replies.push(chunk));
  await once(stream, "close");
  const seen = [":status", "content-type", "grpc-status", "grpc-status-details-bin"];
  const ok = fields["grpc-status"] === "0";
  return {
    ...Object.fromEntries(seen.map((name) => [name, fields[name]])),
    // Each in its own words, but in some.
    explained: ok || Boolean(fields["grpc-message"]),
    // How many replies leave before a fault in a later message is seen is a matter of chance.
    body: ok ? digest(Buffer.concat(replies)) : undefined,
  };
};

type Kind = "say" | "gather" | "repeat" | "converse" | "missing";

interface OrderInit {
  readonly payload?: Uint8Array;
  readonly paddingBytes?: number;
  readonly delayMs?: number;
  readonly failure?: { code: number; message: string; details: { typeUrl: string; value: Uint8Array }[] };
}

interface Call {
  readonly kind: Kind;
  /** One for each request; calls with one request take the first. */
  readonly orders: readonly OrderInit[];
  readonly count: number;
  readonly header: readonly (readonly [name: string, value: string])[];
  readonly gzip: boolean;
  readonly timeoutMs?: number;
  /** Replies after which the caller goes away. */
  readonly cancelAfter?: number;
}

/** All of what a caller can see. */
interface Outcome {
  readonly header: string[];
  readonly trailer: string[];
  readonly replies: string[];
  readonly error: { code: string; message: string; details: string[]; metadata: string[] } | undefined;
}

const payloadBytes = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 300 }) },
  { weight: 3, arbitrary: fc.integer({ min: 16_000, max: 70_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1 << 20, max: 3 << 20 }) },
);

const payload = fc
  .tuple(payloadBytes, fc.uint8Array({ minLength: 1, maxLength: 16 }))
  .map(([bytes, pattern]) => new Uint8Array(Buffer.alloc(bytes, pattern)));

const failure = fc.record({
  code: fc.integer({ min: 1, max: 16 }),
  message: fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.constantFrom("", "100 % of 5 € – 漢字\r\n\ttab", "%41", "%zz", "\u0000"),
  ),
  details: fc.array(
    fc.record({
      typeUrl: fc.constantFrom("type.googleapis.com/interop.v1.SayRequest", "type.googleapis.com/unknown.Type"),
      value: fc.uint8Array({ maxLength: 900 }),
    }),
    { maxLength: 3 },
  ),
});

const order: fc.Arbitrary<OrderInit> = fc.record(
  {
    payload,
    paddingBytes: fc.constantFrom(0, 0, 1, 100_000),
    delayMs: fc.constantFrom(0, 0, 1),
    failure: fc.oneof({ weight: 5, arbitrary: fc.constant(undefined as never) }, { weight: 1, arbitrary: failure }),
  },
  { requiredKeys: [] },
);

const text = fc.oneof(
  fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)), maxLength: 60 }),
  fc.constantFrom("", "a,b", "a, b", "=?", '"quoted"', "x".repeat(4_000), "%20"),
);

const header = fc.array(
  fc.oneof(
    fc.tuple(
      fc.constantFrom("x-echo-header", "x-echo-trailer", "x-not-echoed", "x.dotted_name-1"),
      text.map((value) => value.trim()),
    ),
    fc
      .uint8Array({ maxLength: 300 })
      .map((value): [string, string] => [
        "x-echo-trailer-bin",
        Buffer.from(value).toString("base64").replace(/=+$/, ""),
      ]),
  ),
  { maxLength: 6 },
);

const anyCall: fc.Arbitrary<Call> = fc.record({
  kind: fc.constantFrom<Kind>("say", "say", "gather", "repeat", "converse", "converse", "missing"),
  orders: fc.array(order, { minLength: 0, maxLength: 5 }),
  count: fc.integer({ min: 0, max: 4 }),
  header,
  gzip: fc.boolean(),
});

const outcomeOf = async (pair: { plain: Transport; gzip: Transport }, call: Call): Promise<Outcome> => {
  const client = createClient(InteropService, call.gzip ? pair.gzip : pair.plain);
  const cancel = new AbortController();
  const headers = new Headers();
  for (const [name, value] of call.header) headers.append(name, value);
  const outcome = { header: [] as string[], trailer: [] as string[], replies: [] as string[], error: undefined };
  const options: CallOptions = {
    headers,
    signal: cancel.signal,
    ...(call.timeoutMs === undefined ? {} : { timeoutMs: call.timeoutMs }),
    onHeader(received) {
      outcome.header = comparable(received);
    },
    onTrailer(received) {
      outcome.trailer = comparable(received);
    },
  };
  const requests = (async function* () {
    for (const each of call.orders) yield { order: each };
  })();
  const first = { order: call.orders[0] ?? {} };
  const receive = async (replies: AsyncIterable<{ payload: Uint8Array }>) => {
    for await (const reply of replies) {
      outcome.replies.push(digest(reply.payload));
      if (outcome.replies.length === call.cancelAfter) cancel.abort();
    }
  };
  try {
    if (call.kind === "say") outcome.replies.push(digest((await client.say(first, options)).payload));
    else if (call.kind === "gather") outcome.replies.push(digest((await client.gather(requests, options)).payload));
    else if (call.kind === "repeat") await receive(client.repeat({ ...first, count: call.count }, options));
    else if (call.kind === "converse") await receive(client.converse(requests, options));
    else await client.missing({}, options);
    return outcome;
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    const details = error.details.map((detail) =>
      "desc" in detail ? detail.desc.typeName : `${detail.type} ${digest(detail.value)}`,
    );
    const metadata = comparable(error.metadata);
    return { ...outcome, error: { code: Code[error.code], message: error.rawMessage, details, metadata } };
  }
};

/** What belongs to the transport, not to the call, or is compared already: the message, whose escapes may differ. */
const OF_THE_TRANSPORT = new Set(["date", "content-length", "grpc-accept-encoding", "grpc-encoding", "grpc-message"]);

const comparable = (headers: Headers): string[] =>
  [...headers]
    .filter(([name]) => !OF_THE_TRANSPORT.has(name))
    .map(([name, value]) => `${name}: ${name.endsWith("-bin") ? value.split(/ *, */) : value}`);

/** Short enough for a message of a failed test. */
const digest = (bytes: Uint8Array): string =>
  bytes.length <= 8
    ? Buffer.from(bytes).toString("hex")
    : `${bytes.length} ${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}`;
