import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { PREFIX_BYTES } from "../envelope.ts";
import { MessageBuffer, type WireMessage } from "../message-buffer.ts";
import { incompleteMessage } from "./call-errors.ts";

type Reply = MessageShape<DescMessage>;

interface Waiter {
  resolve(result: IteratorResult<Reply, undefined> | Promise<IteratorResult<Reply, undefined>>): void;
  reject(error: unknown): void;
}

export interface ReplyMessagesOptions {
  /** Bytes of one message on the wire. */
  readonly messageBytesMax: number;
  /** Makes a message of what came, when the consumer takes it; a promise where inflating it takes long. */
  read(message: WireMessage): Reply | Promise<Reply>;
  /** The consumer has taken so many bytes. */
  taken(bytes: number): void;
  /** Nothing more is wanted: the consumer has left, or what came is no message. */
  cancel(error: ConnectError): void;
}

/**
 * The messages of a response, as a consumer takes them. They stay the bytes that came until then, so that a slow consumer costs what
 * has arrived and no more.
 */
export class ReplyMessages implements AsyncIterableIterator<Reply> {
  readonly #options: ReplyMessagesOptions;
  readonly #waiting: MessageBuffer;
  /** Those who wait for the next messages, in order: then none is there as a whole. */
  readonly #waiters: Waiter[] = [];
  #ended = false;
  /** The body came to its end, and was not broken off. */
  #complete = false;
  #error: ConnectError | undefined;

  constructor(options: ReplyMessagesOptions) {
    this.#options = options;
    this.#waiting = new MessageBuffer(options.messageBytesMax);
  }

  /** True when nothing waits for the consumer, but for a part of a message. */
  get empty(): boolean {
    return !this.#waiting.ready;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next piece of the body, of any size. */
  push(chunk: Uint8Array): void {
    if (this.#ended) return;
    this.#waiting.push(chunk);
    while (this.#waiters.length > 0 && this.#waiting.ready) (this.#waiters.shift() as Waiter).resolve(this.#take());
  }

  /** The body is complete. After its messages comes the error, or that it ends within one. */
  end(error: ConnectError | undefined): void {
    this.#complete = true;
    this.breakOff(error);
  }

  /** Nothing follows what was pushed, but the error. */
  breakOff(error: ConnectError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    for (const waiter of this.#waiters.splice(0)) this.#finish(waiter);
  }

  /** Ends at once: what was not taken is dropped. */
  abort(error: ConnectError): void {
    if (this.#ended) return;
    this.#waiting.clear();
    this.breakOff(error);
  }

  next(): Promise<IteratorResult<Reply, undefined>> {
    if (this.#waiting.ready) return this.#take();
    return new Promise((resolve, reject) => {
      if (this.#ended) this.#finish({ resolve, reject });
      else this.#waiters.push({ resolve, reject });
    });
  }

  return(): Promise<IteratorResult<Reply, undefined>> {
    this.#leave(new ConnectError("the caller reads no further", Code.Canceled));
    return Promise.resolve(DONE);
  }

  /** Decodes at once where it can: a promise and a turn less for each message. */
  #take(): Promise<IteratorResult<Reply, undefined>> {
    try {
      const message = this.#waiting.take();
      this.#options.taken(PREFIX_BYTES + message.bytes.length);
      const reply = this.#options.read(message);
      return reply instanceof Promise
        ? reply.then(
            (value) => ({ done: false, value }),
            (error) => this.#fail(error),
          )
        : Promise.resolve({ done: false, value: reply });
    } catch (error) {
      return this.#fail(error);
    }
  }

  /** Whoever took the message gets the error; nothing comes after it. */
  #fail(thrown: unknown): Promise<never> {
    const error = ConnectError.from(thrown, Code.Internal);
    this.#leave(error);
    return Promise.reject(error);
  }

  #leave(error: ConnectError): void {
    this.#waiting.clear();
    this.#error = undefined;
    this.breakOff(undefined);
    this.#options.cancel(error);
  }

  /** After its error an iterator is done, as a generator is. */
  #finish({ resolve, reject }: Waiter): void {
    const error = this.#complete && this.#waiting.length > 0 ? incompleteMessage() : this.#error;
    this.#waiting.clear();
    this.#error = undefined;
    if (error === undefined) resolve(DONE);
    else reject(error);
  }
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };
