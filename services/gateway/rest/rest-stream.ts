import type { DescMethodStreaming, Message } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import { givesRawBody, rawBodyOf, type StreamForm, statusJson, streamFormFor } from "@heddle/mesh/rest";
import type { Timers } from "@heddle/mesh/runtime";
import type { RestCall } from "./rest-answer.ts";
import { AS_SAID, appendFields, jsonOf, replyFields } from "./rest-response.ts";

/** Milliseconds that a caller waits for the header of a stream that has nothing to say yet: a browser shows the connection as open. */
const HEADER_DELAY_MS = 1_000;
/** Milliseconds of silence after which a stream of events says that it lives: proxies cut what is silent for a minute or less. */
const KEEP_ALIVE_MS = 15_000;

export type StreamReply = Awaited<ReturnType<Transport["stream"]>>;
type Step = IteratorResult<Message, unknown>;

/**
 * Answers with a stream of replies: raw where they are google.api.HttpBody, otherwise in the form that `accept` asks for.
 *
 * @param open Makes the call, which ends by its signal.
 * @param left Aborts when the caller has left.
 */
export const streamResponse = async (
  call: RestCall,
  method: DescMethodStreaming,
  open: (signal: AbortSignal) => Promise<StreamReply>,
  left: AbortSignal,
): Promise<UniversalServerResponse> => {
  const replies = new Replies(open, left);
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
  readonly #ended = new AbortController();
  readonly #left: AbortSignal;
  #reply: StreamReply | undefined;
  #iterator: AsyncIterator<Message> | undefined;
  #next: Promise<Step> | undefined;

  constructor(open: (signal: AbortSignal) => Promise<StreamReply>, left: AbortSignal) {
    this.#left = left;
    this.#open = () => open(AbortSignal.any([left, this.#ended.signal]));
  }

  /** Nobody hears what becomes of the call. */
  get isUnheard(): boolean {
    return this.#left.aborted;
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

  /** Ends the call, however far it is. */
  close(): void {
    this.#ended.abort();
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
  readonly #call: RestCall;
  readonly #replies: Replies;
  readonly #form: StreamForm;
  /** Nothing is there to be sent yet, but the header goes with the first piece. */
  #isSilent: boolean;
  #isOver = false;

  constructor(call: RestCall, replies: Replies, { form, isSilent }: { form: StreamForm; isSilent: boolean }) {
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
      if (this.#replies.isUnheard) throw error;
      const { explain, binding } = this.#call;
      return { done: false, value: this.#form.error(statusJson(explain(error), binding.registry)) };
    }
  }

  async return(): Promise<Chunk> {
    this.#isOver = true;
    this.#replies.close();
    return DONE;
  }

  /** Nobody reads any more. */
  throw(): Promise<Chunk> {
    return this.return();
  }

  #nextStep(): Promise<Step | undefined> {
    const step = this.#replies.next();
    const { timers } = this.#call;
    return this.#form.keepAlive === undefined ? step : within(step, { ms: KEEP_ALIVE_MS, timers });
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
  appendFields(header, [...replies.fields(), ...AS_SAID]);
  const body: AsyncIterableIterator<Uint8Array> = {
    [Symbol.asyncIterator]: () => body,
    async next() {
      const step = await replies.next();
      replies.take();
      return step.done === true ? DONE : { done: false, value: piece(step.value).data };
    },
    async return() {
      replies.close();
      return DONE;
    },
    async throw() {
      replies.close();
      return DONE;
    },
  };
  return { status: 200, header, body };
};
