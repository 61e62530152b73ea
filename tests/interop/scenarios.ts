import { type CallOptions, type Client, Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createWritableIterable } from "@connectrpc/connect/protocol";
import { expect } from "vitest";
import { InteropService } from "./contract.ts";

type InteropClient = Client<typeof InteropService>;

/** What every client does with every server. `gzip` compresses requests. */
export interface Transports {
  readonly plain: Transport;
  readonly gzip: Transport;
}

/** One scenario; it throws when something is wrong. The same ones, by name, are in go/client.go and python/interop.py. */
export type Scenario = (client: InteropClient, transports: Transports) => Promise<void>;

/** Milliseconds that any call may take. */
const SOON: CallOptions = { timeoutMs: 10_000 };

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  async unary(client) {
    for (const payload of [Buffer.alloc(0), Buffer.from("heddle")]) {
      expect(Buffer.from((await client.say({ order: { payload } }, SOON)).payload)).toEqual(payload);
    }
  },

  async "client streaming"(client) {
    const requests = ["a", "b", "c"].map((letter) => ({ order: { payload: Buffer.from(letter) } }));
    expect(textOf(await client.gather(inTurn(requests), SOON))).toBe("abc");
  },

  async "server streaming"(client) {
    const replies = client.repeat({ order: { payload: Buffer.from("again") }, count: 50 }, SOON);
    const texts: string[] = [];
    for await (const reply of replies) texts.push(textOf(reply));
    expect(texts).toEqual(Array(50).fill("again"));
  },

  async "bidirectional streaming"(client) {
    const requests = createWritableIterable<{ order: { payload: Uint8Array } }>();
    const replies = client.converse(requests, SOON)[Symbol.asyncIterator]();
    for (let index = 0; index < 20; index++) {
      void requests.write({ order: { payload: Buffer.from(`word ${index}`) } });
      const { value } = await replies.next();
      expect(textOf(value)).toBe(`word ${index}`);
    }
    requests.close();
    expect(await replies.next()).toMatchObject({ done: true });
  },

  async metadata(client) {
    const binary = Buffer.of(0, 1, 0xfe, 0xff, 10).toString("base64").replace(/=+$/, "");
    const headers = { "x-echo-header": "h e a d", "x-echo-trailer": "one", "x-echo-trailer-bin": binary };
    const received: Headers[] = [];
    const options: CallOptions = {
      ...SOON,
      headers,
      onHeader: (header) => void received.push(header),
      onTrailer: (trailer) => void received.push(trailer),
    };
    await client.say({}, options);
    expect(received[0]?.get("x-echo-header")).toBe("h e a d");
    expect(received[1]?.get("x-echo-trailer")).toBe("one");
    expect(received[1]?.get("x-echo-trailer-bin")?.replace(/=+$/, "")).toBe(binary);
    const error = await failureOf(client.say({ order: { failure: { code: 9, message: "no" } } }, options));
    expect(error.metadata.get("x-echo-trailer")).toBe("one");
    expect(error.metadata.get("x-echo-trailer-bin")?.replace(/=+$/, "")).toBe(binary);
  },

  async "error with details"(client) {
    const failure = {
      code: 9,
      message: "100 % of 5 € – 漢字",
      details: [
        { typeUrl: "type.googleapis.com/interop.v1.SayRequest", value: Buffer.of(10, 0) },
        { typeUrl: "type.googleapis.com/unknown.Type", value: Buffer.alloc(3_000, 0xff) },
      ],
    };
    const error = await failureOf(client.say({ order: { failure } }, SOON));
    expect(error.code).toBe(Code.FailedPrecondition);
    expect(error.rawMessage).toBe(failure.message);
    const details = error.details.map((detail) => ("desc" in detail ? undefined : detail));
    expect(details.map((detail) => detail?.type)).toEqual(["interop.v1.SayRequest", "unknown.Type"]);
    expect(details.map((detail) => Buffer.from(detail?.value ?? ""))).toEqual(
      failure.details.map(({ value }) => value),
    );
  },

  async deadline(client) {
    const error = await failureOf(client.say({ order: { delayMs: 60_000 } }, { timeoutMs: 100 }));
    expect(Code[error.code]).toBe("DeadlineExceeded");
  },

  async cancellation(client) {
    const cancel = new AbortController();
    const requests = createWritableIterable<{ order: object }>();
    const replies = client.converse(requests, { ...SOON, signal: cancel.signal })[Symbol.asyncIterator]();
    requests.write({ order: {} }).catch(() => undefined);
    await replies.next();
    cancel.abort();
    expect(Code[(await failureOf(replies.next())).code]).toBe("Canceled");
  },

  async "large messages"(client) {
    const payload = Buffer.alloc(6 << 20, "heddle");
    const reply = await client.say({ order: { payload, paddingBytes: 1 } }, SOON);
    expect(reply.payload.length).toBe(payload.length + 1);
    expect(payload.equals(reply.payload.subarray(0, payload.length))).toBe(true);
  },

  async gzip(_client, { gzip }) {
    const payload = Buffer.alloc(600_000, "heddle");
    const reply = await createClient(InteropService, gzip).say({ order: { payload } }, SOON);
    expect(payload.equals(reply.payload)).toBe(true);
  },

  async "unknown method"(client) {
    expect(Code[(await failureOf(client.missing({}, SOON))).code]).toBe("Unimplemented");
  },

  async "many calls at once"(client) {
    const calls = Array.from({ length: 2_000 }, async (_, index) => {
      const order = { payload: Buffer.from(String(index)), delayMs: index % 5 };
      return textOf(await client.say({ order }, SOON));
    });
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 2_000 }, (_, index) => String(index)));
  },
};

/** What calls without a pause came to. */
export interface Loop {
  readonly calls: number;
  /** The first call that failed, or empty. */
  readonly wrong: string;
}

/** Calls without a pause, eight at a time, until `stopped` aborts. A server that nobody listens for is asked again. */
export const loop = async (transport: Transport, stopped: AbortSignal): Promise<Loop> => {
  const client = createClient(InteropService, transport);
  const result = { calls: 0, wrong: "" };
  const work = async () => {
    while (!stopped.aborted) {
      try {
        await client.say({ order: { payload: Buffer.from("heddle"), delayMs: 2 } }, SOON);
        result.calls += 1;
      } catch (thrown) {
        const error = ConnectError.from(thrown);
        if (!/ECONNREFUSED/.test(`${error.message} ${String(error.cause)}`)) result.wrong ||= error.message;
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
  return result;
};

const textOf = ({ payload }: { payload: Uint8Array }): string => Buffer.from(payload).toString();

async function* inTurn<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

const failureOf = async (call: Promise<unknown>): Promise<ConnectError> => {
  try {
    await call;
  } catch (error) {
    return ConnectError.from(error);
  }
  return expect.fail("the call succeeded");
};
