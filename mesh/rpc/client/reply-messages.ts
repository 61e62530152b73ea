import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";

type Reply = MessageShape<DescMessage>;

interface Received {
  readonly flags: number;
  readonly bytes: Uint8Array;
}

interface Waiter {
  resolve(result: IteratorResult<Reply, undefined> | Promise<IteratorResult<Reply, undefined>>): void;
  reject(error: unknown): void;
}

export interface ReplyMessagesOptions {
  /** Decodes a message when the consumer takes it; what it throws ends the call. */
  decode(flags: number, bytes: Uint8Array): Reply | Promise<Reply>;
  /** The consumer has taken a message of so many bytes. */
  taken(bytes: number): void;
  /** The consumer wants no more. */
  left(): void;
}

/**
 * The messages of a response, as a consumer takes them. They stay encoded until then, so that a slow consumer costs what has
 * arrived and no more.
 */
export class ReplyMessages implements AsyncIterableIterator<Reply> {
  readonly #options: ReplyMessagesOptions;
  #queue: Received[] = [];
  #head = 0;
  readonly #waiters: Waiter[] = [];
  #ended = false;
  #error: ConnectError | undefined;

  constructor(options: ReplyMessagesOptions) {
    this.#options = options;
  }

  /** True when nothing waits for the consumer. */
  get empty(): boolean {
    return this.#head === this.#queue.length;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  push(flags: number, bytes: Uint8Array): void {
    if (this.#ended) return;
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#queue.push({ flags, bytes });
    else waiter.resolve(this.#decoded(flags, bytes));
  }

  /** Nothing follows what was pushed, but the error. */
  end(error: ConnectError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    for (const waiter of this.#waiters.splice(0)) {
      if (this.#error === undefined) waiter.resolve(DONE);
      else this.#rejectOnce(waiter);
    }
  }

  /** Ends at once: what was not taken is dropped. */
  abort(error: ConnectError): void {
    if (this.#ended) return;
    this.#queue = [];
    this.#head = 0;
    this.end(error);
  }

  next(): Promise<IteratorResult<Reply, undefined>> {
    if (!this.empty) {
      const { flags, bytes } = this.#queue[this.#head] as Received;
      this.#head += 1;
      if (this.#head === this.#queue.length || this.#head > COMPACT_AT) {
        this.#queue = this.#queue.slice(this.#head);
        this.#head = 0;
      }
      this.#options.taken(bytes.length);
      return this.#decoded(flags, bytes);
    }
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      if (!this.#ended) this.#waiters.push(waiter);
      else if (this.#error === undefined) resolve(DONE);
      else this.#rejectOnce(waiter);
    });
  }

  return(): Promise<IteratorResult<Reply, undefined>> {
    this.#queue = [];
    this.#head = 0;
    this.#error = undefined;
    this.end(undefined);
    this.#options.left();
    return Promise.resolve(DONE);
  }

  /** Decodes at once where it can: a promise and a turn less for each message. */
  #decoded(flags: number, bytes: Uint8Array): Promise<IteratorResult<Reply, undefined>> {
    try {
      const decoded = this.#options.decode(flags, bytes);
      return decoded instanceof Promise
        ? decoded.then((value) => ({ done: false, value }))
        : Promise.resolve({ done: false, value: decoded });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** After its error an iterator is done, as a generator is. */
  #rejectOnce(waiter: Waiter): void {
    const error = this.#error;
    this.#error = undefined;
    waiter.reject(error);
  }
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };
const COMPACT_AT = 1024;
