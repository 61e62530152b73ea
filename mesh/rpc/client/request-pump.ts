import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { HttpStream } from "../../wire/index.ts";
import { COMPRESSED } from "../envelope.ts";
import { compressGzip } from "../gzip.ts";
import { messagePrefix } from "./client-wire.ts";

/** Bytes of messages that are kept until the response begins, so that a call which was not processed can be sent again. */
const REPLAY_BYTES_MAX = 256 * 1024;

export interface RequestPumpOptions {
  readonly input: AsyncIterable<MessageInitShape<DescMessage>>;
  encode(message: MessageInitShape<DescMessage>): Uint8Array;
  readonly compressMinBytes: number;
  /** The method takes one message: the request ends with it. */
  readonly single: boolean;
  /** The input threw, or gave what is no message. */
  failed(error: ConnectError): void;
}

interface Sent {
  readonly prefix: Uint8Array;
  readonly bytes: Uint8Array;
}

/** Sends what an async iterable gives as the messages of a stream, no faster than the stream takes them. */
export class RequestPump {
  readonly #options: RequestPumpOptions;
  #iterator: AsyncIterator<MessageInitShape<DescMessage>> | undefined;
  #stream: HttpStream | undefined;
  /** All that was sent, or undefined when that is too much to keep or no longer of use. */
  #kept: Sent[] | undefined = [];
  #keptBytes = 0;
  #ended = false;
  #stopped = false;
  /** Goes on after a stream that was full, or gone. */
  #resume: (() => void) | undefined;

  constructor(options: RequestPumpOptions) {
    this.#options = options;
  }

  /** True once the request is complete. */
  get ended(): boolean {
    return this.#ended;
  }

  /** True while everything that was taken from the input can be sent again. */
  get replayable(): boolean {
    return this.#kept !== undefined;
  }

  /** Sends on this stream from now on, beginning with what an earlier one has got. */
  attach(stream: HttpStream): void {
    this.#stream = stream;
    let room = true;
    const kept = this.#kept ?? [];
    for (const [index, { prefix, bytes }] of kept.entries()) {
      room = stream.sendData(bytes, this.#ended && this.#options.single && index === kept.length - 1, prefix);
    }
    if (this.#ended && !this.#options.single) stream.sendData(NOTHING, true);
    if (this.#iterator === undefined) void this.#run();
    else if (room) this.drained();
  }

  /** The stream is gone; another one may come. */
  detach(): void {
    this.#stream = undefined;
  }

  /** The stream takes more. */
  drained(): void {
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }

  /** The peer has begun to answer: the request will not be sent again. */
  forget(): void {
    this.#kept = undefined;
  }

  /** Takes nothing more from the input, and tells it so: by what failed, where something did. */
  stop(error: ConnectError | undefined): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.drained();
    this.#kept = undefined;
    // What the input does with that concerns nobody any more.
    Promise.try(() => {
      const iterator = this.#iterator ?? this.#options.input[Symbol.asyncIterator]();
      const thrown = this.#ended || error === undefined ? undefined : iterator.throw?.(error);
      return Promise.allSettled([thrown, iterator.return?.()]);
    }).catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { input, encode, compressMinBytes, single } = this.#options;
    try {
      const iterator = input[Symbol.asyncIterator]();
      this.#iterator = iterator;
      for (;;) {
        const next = await iterator.next();
        if (this.#stopped) return;
        if (next.done === true) break;
        let bytes = encode(next.value);
        let flags = 0;
        if (bytes.length >= compressMinBytes) {
          bytes = await compressGzip(bytes);
          flags = COMPRESSED;
        }
        if (this.#stopped) return;
        if (single) this.#ended = true;
        if (!this.#send({ prefix: messagePrefix(flags, bytes.length), bytes }) && !single) await this.#room();
        if (this.#stopped || single) return;
      }
      this.#ended = true;
      this.#stream?.sendData(NOTHING, true);
    } catch (error) {
      if (!this.#stopped) this.#options.failed(ConnectError.from(error, Code.Internal));
    }
  }

  #send(sent: Sent): boolean {
    if (this.#kept !== undefined) {
      this.#keptBytes += sent.bytes.length;
      // Between two streams one message is kept in any case: the next stream gets it.
      if (this.#keptBytes > REPLAY_BYTES_MAX && this.#stream !== undefined) this.#kept = undefined;
      else this.#kept.push(sent);
    }
    return this.#stream?.sendData(sent.bytes, this.#ended, sent.prefix) ?? false;
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = resolve;
    });
  }
}

const NOTHING = new Uint8Array(0);
