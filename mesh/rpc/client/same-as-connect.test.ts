import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { compressionGzip, createGrpcTransport } from "@connectrpc/connect-node";
import { ErrorInfoSchema } from "@heddle/contracts/google/rpc";
import { array, assert, asyncProperty, constantFrom, oneof, option, record, string, stringMatching } from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { type Echo, EchoService } from "../fixtures/echo-contract.ts";
import { startConnectPeer } from "./fixtures/connect-peer.ts";
import { type Outcome, outcomeOf } from "./fixtures/outcome.ts";
import { createHeddleTransport } from "./heddle-transport.ts";

/** What the peer is asked to do, by a header, since messages are what is compared. */
interface Plan {
  readonly fail: { readonly code: Code; readonly message: string; readonly detail: boolean } | undefined;
  /** Whether the failure comes before or after messages. */
  readonly failFirst: boolean;
  readonly leading: string;
  readonly trailing: string;
}

const plans = new Map<string, Plan>();
const seen = new Map<string, unknown>();

interface Context {
  requestHeader: Headers;
  responseHeader: Headers;
  responseTrailer: Headers;
}

const begin = ({ requestHeader, responseHeader, responseTrailer }: Context): Plan => {
  const id = requestHeader.get("x-plan") ?? "";
  const plan = plans.get(id) as Plan;
  seen.set(
    id,
    [...requestHeader].filter(([name]) => name.startsWith("x-") && name !== "x-plan"),
  );
  responseHeader.set("x-leading", plan.leading);
  responseTrailer.set("x-trailing", plan.trailing);
  if (plan.failFirst) failAs(plan);
  return plan;
};

const failAs = ({ fail }: Plan): void => {
  if (fail === undefined) return;
  const details = fail.detail
    ? [{ desc: ErrorInfoSchema, value: { reason: "R", domain: "d", metadata: { a: "b" } } }]
    : [];
  throw new ConnectError(fail.message, fail.code, { "x-why": "so" }, details);
};

const startPeer = () =>
  startConnectPeer({
    say({ text }, context) {
      failAs(begin(context));
      return { text };
    },
    async gather(requests, context) {
      const plan = begin(context);
      let text = "";
      for await (const request of requests) text += request.text;
      failAs(plan);
      return { text };
    },
    async *repeat({ text }, context) {
      const plan = begin(context);
      for (let start = 0; start < text.length; start += 1_000) yield { text: text.slice(start, start + 1_000) };
      failAs(plan);
    },
    async *converse(requests, context) {
      const plan = begin(context);
      for await (const { text } of requests) yield { text };
      failAs(plan);
    },
  });

const texts = oneof(
  string({ maxLength: 20, unit: "binary" }),
  constantFrom(0, 1, 127, 128, 16_379, 16_384, 65_530, 300_000).map((length) => "x".repeat(length)),
);
const asciiValue = stringMatching(/^[!-~]([ -~]{0,10}[!-~])?$/);
const plan = record<Plan>({
  fail: option(
    record({
      code: constantFrom(...Object.values(Code).filter((code) => typeof code === "number")),
      message: string({ maxLength: 20, unit: "grapheme" }),
      detail: constantFrom(true, false),
    }),
    { nil: undefined },
  ),
  failFirst: constantFrom(true, false),
  leading: asciiValue,
  trailing: asciiValue,
});

let nextId = 0;

/** One call by one transport, with everything that its caller can see. */
const observe = async (
  transport: Transport,
  kind: "say" | "gather" | "repeat" | "converse",
  messages: readonly string[],
  plan: Plan,
  value: string,
): Promise<{ outcome: Outcome; leading: unknown; trailing: unknown; sent: unknown }> => {
  const id = String(nextId++);
  plans.set(id, plan);
  const client = createClient(EchoService, transport);
  let leading: unknown;
  let trailing: unknown;
  const options = {
    headers: { "x-plan": id, "X-Value": value, "x-bytes-bin": Buffer.from(value).toString("base64") },
    onHeader: (headers: Headers) => {
      leading = [headers.get("x-leading"), headers.get("content-type")?.slice(0, 16)];
    },
    onTrailer: (headers: Headers) => {
      trailing = [headers.get("x-trailing"), headers.get("grpc-status")];
    },
  };
  const outcome = await outcomeOf(async (got) => {
    const input = send(messages);
    if (kind === "say") got((await client.say({ text: messages[0] ?? "" }, options)).text);
    else if (kind === "gather") got((await client.gather(input, options)).text);
    else {
      const replies =
        kind === "repeat" ? client.repeat({ text: messages[0] ?? "" }, options) : client.converse(input, options);
      for await (const { text } of replies) got(text);
    }
  });
  plans.delete(id);
  const sent = seen.get(id);
  seen.delete(id);
  return { outcome, leading, trailing, sent };
};

async function* send(messages: readonly string[]): AsyncIterable<Pick<Echo, "text">> {
  for (const text of messages) yield { text };
}

test("every kind of call gives what it gives over Connect's own transport", async () => {
  const { url } = await startPeer();
  const heddle = [
    createHeddleTransport({ baseUrl: url }),
    createHeddleTransport({ baseUrl: url, acceptGzip: false }),
    createHeddleTransport({ baseUrl: url, sendCompression: "gzip", compressMinBytes: 10 }),
    createHeddleTransport({ baseUrl: url, interceptors: [(next) => (request) => next(request)] }),
  ];
  onTestFinished(() => {
    for (const transport of heddle) transport.destroy();
  });
  const connect = createGrpcTransport({ baseUrl: url, acceptCompression: [compressionGzip] });
  const calls = asyncProperty(
    constantFrom("say", "gather", "repeat", "converse"),
    array(texts, { maxLength: 4 }),
    plan,
    asciiValue,
    constantFrom(...heddle),
    async (kind, messages, plan, value, transport) => {
      const [ours, theirs] = await Promise.all([
        observe(transport, kind, messages, plan, value),
        observe(connect, kind, messages, plan, value),
      ]);
      expect(ours).toEqual(theirs);
    },
  );
  await assert(calls, { numRuns: 200 });
});

test("messages of several MiB go both ways, in every kind of call", async () => {
  const { url } = await startPeer();
  const bytes = 8 * 1024 * 1024;
  const heddle = createHeddleTransport({ baseUrl: url, readMaxBytes: bytes, writeMaxBytes: bytes });
  onTestFinished(() => heddle.destroy());
  const quiet: Plan = { fail: undefined, failFirst: false, leading: "a", trailing: "b" };
  const text = "0123456789abcdef".repeat(200_000);
  for (const kind of ["say", "gather", "repeat", "converse"] as const) {
    const { outcome } = await observe(heddle, kind, [text, text.slice(9)].slice(0, kind === "say" ? 1 : 2), quiet, "v");
    expect(outcome.code).toBeUndefined();
    const expected = kind === "say" || kind === "repeat" ? text : text + text.slice(9);
    expect(outcome.texts.join("") === expected).toBe(true);
  }
});
