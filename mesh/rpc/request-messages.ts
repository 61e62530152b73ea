import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { MessageBuffer, type WireMessage } from "./message-buffer.ts";

/** Bytes of messages that wait for their handler above which the sender gets no further credit. */
const WAITING_BYTES_MAX = 64 * 1024;

interface Reader {
  readonly resolve: (result: IteratorResult<Message>) => void;
  readonly reject: (error: unknown) => void;
}

export interface RequestMessagesOptions {
  /** Bytes of one message on the wire. */
  readonly messageBytesMax: number;
  /** Makes a message of what came; a promise where inflating it takes long. Throws, or rejects with, a ConnectError. */
  readonly read: (message: WireMessage) => Message | Promise<Message>;
  /** Lets the sender send `bytes` more. */
  readonly consume: (bytes: number) => void;
}

/**
 * The messages of a request as they come, for the handler to read once. The sender may run ahead of the handler by
 * WAITING_BYTES_MAX and the stream's window, no further; what waits is bytes, and becomes messages when the handler asks.
 */
export class RequestMessages implements AsyncIterableIterator<Message> {
  readonly #options: RequestMessagesOptions;
  readonly #waiting: MessageBuffer;
  /** Bytes received for which no credit was given yet. */
  #owedBytes = 0;
  #ended = false;
  #error: unknown = undefined;
  /** Those who wait for the next messages, in order. */
  readonly #readers: Reader[] = [];

  constructor(options: RequestMessagesOptions) {
    this.#options = options;
    this.#waiting = new MessageBuffer(options.messageBytesMax);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next piece of the body, of any size. */
  push(chunk: Uint8Array): void {
    this.#owedBytes += chunk.length;
    if (!this.#ended) this.#waiting.push(chunk);
    this.#serve();
    this.#pay();
  }

  /** Nothing more comes. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#serve();
  }

  /** Nobody needs them any more. A handler that still reads gets `reason`, or the end where there is none. */
  close(reason: unknown): void {
    this.#ended = true;
    this.#error ??= reason;
    this.#waiting.clear();
    this.#serve();
    this.#pay();
  }

  next(): Promise<IteratorResult<Message>> {
    return new Promise((resolve, reject) => {
      this.#readers.push({ resolve, reject });
      this.#serve();
      this.#pay();
    });
  }

  return(): Promise<IteratorResult<Message>> {
    this.close(undefined);
    return Promise.resolve(END);
  }

  #serve(): void {
    while (this.#readers.length > 0) {
      const { ready, length } = this.#waiting;
      if (!ready && !this.#ended) return;
      const reader = this.#readers.shift() as Reader;
      if (ready) this.#hand(reader);
      else if (length > 0) this.#fail(new ConnectError(INCOMPLETE, Code.InvalidArgument), reader);
      else if (this.#error !== undefined) reader.reject(this.#error);
      else reader.resolve(END);
    }
  }

  #hand(reader: Reader): void {
    try {
      const message = this.#options.read(this.#waiting.take());
      if (!(message instanceof Promise)) reader.resolve({ done: false, value: message });
      else
        message.then(
          (value) => reader.resolve({ done: false, value }),
          (error) => this.#fail(error, reader),
        );
    } catch (error) {
      this.#fail(error, reader);
    }
  }

  /** What is wrong once is not read any further. */
  #fail(error: unknown, { reject }: Reader): void {
    this.close(ConnectError.from(error));
    reject(this.#error);
  }

  #pay(): void {
    if (this.#owedBytes === 0) return;
    // A message that is not whole yet must be let come, however long it is.
    if (this.#waiting.length > WAITING_BYTES_MAX && this.#waiting.ready) return;
    const bytes = this.#owedBytes;
    this.#owedBytes = 0;
    this.#options.consume(bytes);
  }
}

const END: IteratorReturnResult<undefined> = { done: true, value: undefined };
const INCOMPLETE = "protocol error: incomplete envelope";
