import type { DescMethodStreaming, Message } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import { toRpcError } from "@heddle/mesh/contract";
import { givesRawBody, rawBodyOf, type StreamForm, statusJson, streamFormFor } from "@heddle/mesh/rest";
import type { Timers } from "@heddle/mesh/runtime";
import { jsonOf, type RestCall } from "./rest-answer.ts";
import { appendFields, replyFields } from "./rest-response.ts";

/** Milliseconds that a caller waits for the header of a stream that has nothing to say yet: a browser shows the connection as open. */
const HEADER_DELAY_MS = 1_000;
/** Milliseconds of silence after which a stream of events says that it lives: proxies cut what is silent for a minute or less. */
const KEEP_ALIVE_MS = 15_000;

type StreamReply = Awaited<ReturnType<Transport["stream"]>>;
type Step = IteratorResult<Message, unknown>;

/** Answers with a stream of replies: raw where they are google.api.HttpBody, otherwise in the form that `accept` asks for. */
export const streamResponse = async (
  call: RestCall & { readonly signal: AbortSignal },
  method: DescMethodStreaming,
  open: () => Promise<StreamReply>,
): Promise<UniversalServerResponse> => {
  const replies = new Replies(open);
  if (givesRawBody(call.binding)) return rawResponse(call, method, replies);
  const form = streamFormFor(call.headers.get("accept"));
  // A stream that fails at once is answered by a status; one that is silent, by a header.
  const first = await within(replies.next(), { ms: HEADER_DELAY_MS, timers: call.timers });
  const header = new Headers({ "content-type": form.contentType });
  if (form.keepAlive !== undefined) header.set("cache-control", "no-cache");
  appendFields(header, replies.fields());
  return { status: 200, header, body: new FormedBody(call, replies, { form, isSilent: first === undefined }) };
};

/** The replies of a call, of which the next one is asked for before it is taken. */
class Replies {
  readonly #open: () => Promise<StreamReply>;
  #reply: StreamReply | undefined;
  #iterator: AsyncIterator<Message> | undefined;
  #next: Promise<Step> | undefined;

  constructor(open: () => Promise<StreamReply>) {
    this.#open = open;
  }

  /** The next reply, the same until it is taken. */
  next(): Promise<Step> {
    if (this.#next === undefined) {
      this.#next = this.#ask();
      // Whoever takes it hears of its failure; nobody else need.
      this.#next.catch(() => undefined);
    }
    return this.#next;
  }

  take(): void {
    this.#next = undefined;
  }

  fields(): string[] {
    return this.#reply === undefined ? [] : replyFields(this.#reply.header);
  }

  async close(): Promise<void> {
    await this.#iterator?.return?.();
  }

  async #ask(): Promise<Step> {
    if (this.#iterator === undefined) {
      this.#reply = await this.#open();
      this.#iterator = this.#reply.message[Symbol.asyncIterator]();
    }
    return this.#iterator.next();
  }
}

/** What comes of a promise, or undefined after `ms` milliseconds. */
const within = async (
  step: Promise<Step>,
  { ms, timers }: { ms: number; timers: Timers },
): Promise<Step | undefined> => {
  const { promise: silence, resolve } = Promise.withResolvers<undefined>();
  const timer = timers.after(ms, () => resolve(undefined));
  try {
    return await Promise.race([step, silence]);
  } finally {
    timer.cancel();
  }
};

type Chunk = IteratorResult<Uint8Array, undefined>;
const DONE: Chunk = { done: true, value: undefined };

/** Replies, each in its frame; a failure is the last frame. */
class FormedBody implements AsyncIterableIterator<Uint8Array> {
  readonly #call: RestCall & { readonly signal: AbortSignal };
  readonly #replies: Replies;
  readonly #form: StreamForm;
  /** Nothing is there to be sent yet, but the header goes with the first piece. */
  #isSilent: boolean;
  #isOver = false;

  constructor(
    call: RestCall & { readonly signal: AbortSignal },
    replies: Replies,
    { form, isSilent }: { form: StreamForm; isSilent: boolean },
  ) {
    this.#call = call;
    this.#replies = replies;
    this.#form = form;
    this.#isSilent = isSilent;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<Chunk> {
    if (this.#isOver) return DONE;
    if (this.#isSilent) {
      this.#isSilent = false;
      return { done: false, value: EMPTY };
    }
    try {
      const step = await this.#nextStep();
      if (step === undefined) return { done: false, value: this.#form.keepAlive ?? EMPTY };
      this.#replies.take();
      if (step.done !== true) return { done: false, value: this.#form.message(jsonOf(this.#call.binding, step.value)) };
      this.#isOver = true;
      return this.#form.end === undefined ? DONE : { done: false, value: this.#form.end };
    } catch (error) {
      await this.return();
      if (this.#call.signal.aborted) throw error;
      return { done: false, value: this.#form.error(this.#statusOf(error)) };
    }
  }

  async return(): Promise<Chunk> {
    this.#isOver = true;
    await this.#replies.close();
    return DONE;
  }

  /** Nobody reads any more. */
  async throw(): Promise<Chunk> {
    return this.return();
  }

  #nextStep(): Promise<Step | undefined> {
    const step = this.#replies.next();
    const { timers } = this.#call;
    return this.#form.keepAlive === undefined ? step : within(step, { ms: KEEP_ALIVE_MS, timers });
  }

  #statusOf(thrown: unknown): ReturnType<typeof statusJson> {
    const { binding, ids } = this.#call;
    const { error } = toRpcError(thrown, { ids, domain: binding.method.parent.file.proto.package });
    return statusJson(error, binding.registry);
  }
}

const EMPTY = new Uint8Array(0);

/** The type of a raw stream is that of its first piece; a failure after it can only break the stream off. */
const rawResponse = async (
  { binding }: RestCall,
  method: DescMethodStreaming,
  replies: Replies,
): Promise<UniversalServerResponse> => {
  const first = await replies.next();
  const piece = (message: Message) => rawBodyOf(method, message, binding.responseBody);
  const contentType = first.done === true ? "application/octet-stream" : piece(first.value).contentType;
  const header = new Headers({ "content-type": contentType });
  appendFields(header, replies.fields());
  const body: AsyncIterableIterator<Uint8Array> = {
    [Symbol.asyncIterator]: () => body,
    async next() {
      const step = await replies.next();
      replies.take();
      return step.done === true ? DONE : { done: false, value: piece(step.value).data };
    },
    async return() {
      await replies.close();
      return DONE;
    },
    async throw() {
      await replies.close();
      return DONE;
    },
  };
  return { status: 200, header, body };
};
