import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { HttpStream, ResetCause, StreamHandler } from "../wire/index.ts";
import type { CompiledMethod } from "./compile-method.ts";
import { GrpcCall } from "./grpc-call.ts";
import type { GrpcMethod } from "./grpc-method.ts";
import type { GrpcTarget } from "./grpc-target.ts";
import { inflateGzip } from "./gzip.ts";
import {
  COMPRESSED,
  MessageReader,
  type MessageSink,
  messageTooLarge,
  ownedCopy,
  PREFIX_BYTES,
} from "./message-reader.ts";

/** The request of a gRPC call on the server: bytes in, messages out, whatever is wrong with them. */
export abstract class GrpcRequest implements StreamHandler, MessageSink {
  protected readonly call: GrpcCall;
  protected readonly stream: HttpStream;
  protected readonly grpc: GrpcMethod;
  protected readonly target: GrpcTarget;
  #reader: MessageReader | undefined = undefined;
  /** The request cannot be read any further: what still comes of it is dropped. */
  #broken = false;
  /** The message of a method that takes one. */
  #kept: Uint8Array | undefined = undefined;
  #keptCompressed = false;
  /** The status is sent, or nobody waits for it any more. */
  protected done = false;
  /** The caller has sent all of its request. */
  protected requestEnded = false;

  constructor(target: GrpcTarget, stream: HttpStream) {
    this.grpc = target.grpc;
    this.stream = stream;
    this.target = target;
    this.call = new GrpcCall(target, stream);
    stream.handler = this;
  }

  /** Ends the call for what is wrong with its request. */
  protected abstract refuse(error: ConnectError): void;
  /** One message of the request, as it is on the wire. */
  protected abstract onRequest(bytes: Uint8Array, compressed: boolean): void;
  /** No further message comes. */
  protected abstract onRequestsEnd(): void;
  /** The request cannot be read any further. */
  protected abstract onRequestsFailed(error: ConnectError): void;
  /** `bytes` of the body have come. They may have been handed on, or be a part of a message. */
  protected onReceived(bytes: number): void {
    this.stream.consume(bytes);
  }

  abstract onReset(code: number, cause: ResetCause): void;
  abstract onDrain(): void;

  onHeaders(): void {}

  onData(chunk: Uint8Array, end: boolean): void {
    if (this.done || this.#broken) {
      this.stream.consume(chunk.length);
      return;
    }
    if (end && this.#reader === undefined && isOneMessage(chunk)) {
      // A unary request, as nearly all are.
      this.onReceived(chunk.length);
      this.#checkSize(chunk.length - PREFIX_BYTES);
      if (!this.#broken) this.onRequest(ownedCopy(chunk, PREFIX_BYTES, chunk.length), false);
    } else if (chunk.length > 0) {
      this.#reader ??= new MessageReader(this.grpc.compiled.deps.limits.messageBytesMax, this);
      const wrong = this.#reader.push(chunk);
      this.onReceived(chunk.length);
      if (wrong !== undefined) this.requestsFailed(wrong);
    }
    if (end) this.requestEnd();
  }

  onTrailers(): void {
    this.requestEnd();
  }

  onMessage(flags: number, bytes: Uint8Array): void {
    if (this.done || this.#broken) return;
    if (flags !== COMPRESSED) this.onRequest(bytes, false);
    else if (this.target.requestGzip) this.onRequest(bytes, true);
    else this.requestsFailed(new ConnectError(NOT_COMPRESSED, Code.Internal));
  }

  protected requestEnd(): void {
    this.requestEnded = true;
    if (this.done || this.#broken) return;
    if (this.#reader?.pending) this.requestsFailed(new ConnectError(INCOMPLETE, Code.InvalidArgument));
    else this.onRequestsEnd();
  }

  protected requestsFailed(error: ConnectError): void {
    if (this.done || this.#broken) return;
    this.#broken = true;
    this.#reader = undefined;
    this.onRequestsFailed(error);
  }

  /** A message of the request; a promise where inflating it takes long. Throws, or rejects with, a ConnectError. */
  protected read(bytes: Uint8Array, compressed: boolean): Message | Promise<Message> {
    const { input, compiled } = this.grpc;
    if (!compressed) return input.parse(bytes);
    const inflated = inflateGzip(bytes, compiled.deps.limits.messageBytesMax);
    return inflated instanceof Promise ? inflated.then((whole) => input.parse(whole)) : input.parse(inflated);
  }

  /** Keeps the one message of a method that takes no more. */
  protected keepRequest(bytes: Uint8Array, compressed: boolean): void {
    if (this.#kept !== undefined) {
      this.refuse(wrongCount("received extra", this.grpc.compiled));
      return;
    }
    this.#kept = bytes;
    this.#keptCompressed = compressed;
  }

  /** Reads the message that was kept, and goes on with it; `run` must not throw. */
  protected runKept(run: (message: Message) => void): void {
    const bytes = this.#kept;
    if (bytes === undefined) {
      this.refuse(wrongCount("missing", this.grpc.compiled));
      return;
    }
    this.#kept = undefined;
    let message: Message | Promise<Message>;
    try {
      message = this.read(bytes, this.#keptCompressed);
    } catch (error) {
      this.refuse(ConnectError.from(error));
      return;
    }
    if (!(message instanceof Promise)) run(message);
    else
      message.then(
        (read) => {
          if (!this.done) run(read);
        },
        (error) => this.refuse(ConnectError.from(error)),
      );
  }

  #checkSize(bytes: number): void {
    const { messageBytesMax } = this.grpc.compiled.deps.limits;
    if (bytes > messageBytesMax) this.requestsFailed(messageTooLarge(bytes, messageBytesMax));
  }
}

/** True when a chunk is one message that is not compressed, and nothing else. */
const isOneMessage = (chunk: Uint8Array): boolean =>
  chunk.length >= PREFIX_BYTES &&
  chunk[0] === 0 &&
  chunk.length - PREFIX_BYTES ===
    (((chunk[1] as number) << 24) | ((chunk[2] as number) << 16) | ((chunk[3] as number) << 8) | (chunk[4] as number));

// In Connect's words, which `describeDecodeError` turns into ours.
const NOT_COMPRESSED = "received compressed envelope, but do not know how to decompress";
const INCOMPLETE = "protocol error: incomplete envelope";

const wrongCount = (what: string, { method }: CompiledMethod): ConnectError => {
  const kind = method.methodKind.replace("_", "-");
  return new ConnectError(`protocol error: ${what} input message for ${kind} method`, Code.Unimplemented);
};
