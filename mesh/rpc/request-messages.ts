import type { Message } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";

/** What a message that waits costs beside its bytes: empty ones are not for nothing. */
const MESSAGE_COST_BYTES = 64;
/** Bytes of messages that wait for their handler above which the sender gets no further credit. */
const WAITING_BYTES_MAX = 64 * 1024;

interface Waiting {
  readonly bytes: Uint8Array;
  readonly compressed: boolean;
}

interface Reader {
  readonly resolve: (result: IteratorResult<Message>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The messages of a request as they come, for the handler to read once. The sender may run ahead of the handler by
 * WAITING_BYTES_MAX and the stream's window, no further.
 */
export class RequestMessages implements AsyncIterableIterator<Message> {
  readonly #read: (bytes: Uint8Array, compressed: boolean) => Message | Promise<Message>;
  readonly #consume: (bytes: number) => void;
  #waiting: Waiting[] = [];
  /** Index of the first that waits: taking from the front of an array costs its length. */
  #first = 0;
  #waitingBytes = 0;
  /** Bytes received for which no credit was given yet. */
  #owedBytes = 0;
  #ended = false;
  #error: unknown = undefined;
  #closed = false;
  #reader: Reader | undefined;

  constructor(options: {
    read: (bytes: Uint8Array, compressed: boolean) => Message | Promise<Message>;
    consume: (bytes: number) => void;
  }) {
    this.#read = options.read;
    this.#consume = options.consume;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** `bytes` have come, in whatever pieces. */
  received(bytes: number): void {
    this.#owedBytes += bytes;
    this.#pay();
  }

  /** A message, as it is on the wire: it is inflated when the handler asks for it, so that no more than one is. */
  push(bytes: Uint8Array, compressed: boolean): void {
    if (this.#closed || this.#ended) return;
    this.#waiting.push({ bytes, compressed });
    this.#waitingBytes += bytes.length + MESSAGE_COST_BYTES;
    this.#serve();
  }

  end(): void {
    this.#ended = true;
    this.#serve();
  }

  fail(error: ConnectError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#serve();
  }

  /** Nobody needs them any more. A handler that still reads gets `reason`. */
  close(reason: unknown): void {
    this.#closed = true;
    this.#ended = true;
    this.#error ??= reason;
    this.#waiting = [];
    this.#first = 0;
    this.#waitingBytes = 0;
    this.#pay();
    this.#serve();
  }

  next(): Promise<IteratorResult<Message>> {
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
      this.#serve();
    });
  }

  return(): Promise<IteratorResult<Message>> {
    this.close(undefined);
    return Promise.resolve(END);
  }

  #serve(): void {
    const reader = this.#reader;
    if (reader === undefined) return;
    const waiting = this.#waiting[this.#first];
    if (waiting === undefined && !this.#ended) return;
    this.#reader = undefined;
    if (waiting !== undefined) {
      this.#drop(waiting);
      this.#hand(waiting, reader);
    } else if (this.#error !== undefined) {
      reader.reject(this.#error);
    } else {
      reader.resolve(END);
    }
  }

  #hand({ bytes, compressed }: Waiting, { resolve, reject }: Reader): void {
    const failed = (error: unknown) => {
      // What is wrong once is not read any further.
      this.close(ConnectError.from(error));
      reject(this.#error);
    };
    try {
      const message = this.#read(bytes, compressed);
      if (message instanceof Promise) message.then((value) => resolve({ done: false, value }), failed);
      else resolve({ done: false, value: message });
    } catch (error) {
      failed(error);
    }
  }

  #drop({ bytes }: Waiting): void {
    this.#first++;
    if (this.#first * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#first);
      this.#first = 0;
    }
    this.#waitingBytes -= bytes.length + MESSAGE_COST_BYTES;
    this.#pay();
  }

  #pay(): void {
    if (this.#waitingBytes > WAITING_BYTES_MAX || this.#owedBytes === 0) return;
    const bytes = this.#owedBytes;
    this.#owedBytes = 0;
    this.#consume(bytes);
  }
}

const END: IteratorReturnResult<undefined> = { done: true, value: undefined };
