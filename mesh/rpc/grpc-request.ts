import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { HttpStream, ResetCause, StreamHandler } from "../wire/index.ts";
import type { CompiledMethod } from "./compile-method.ts";
import { COMPRESSED, isOneMessage, PREFIX_BYTES } from "./envelope.ts";
import { GrpcCall } from "./grpc-call.ts";
import type { GrpcMethod } from "./grpc-method.ts";
import type { GrpcTarget } from "./grpc-target.ts";
import { inflateGzip } from "./gzip.ts";
import { HeldRequest } from "./held-requests.ts";
import { MessageBuffer, type WireMessage } from "./message-buffer.ts";
import { ownedCopy } from "./owned-copy.ts";

/** The request of a gRPC call on the server: bytes in, messages out, whatever is wrong with them. */
export abstract class GrpcRequest implements StreamHandler {
  protected readonly call: GrpcCall;
  protected readonly stream: HttpStream;
  protected readonly grpc: GrpcMethod;
  protected readonly target: GrpcTarget;
  /** What does not come as one message, all at once. */
  #buffer: MessageBuffer | undefined = undefined;
  #held: HeldRequest | undefined = undefined;
  /** The message of a method that takes one. */
  #kept: WireMessage | undefined = undefined;
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
  /** No further message comes. */
  protected abstract onRequestsEnd(): void;

  abstract onReset(code: number, cause: ResetCause): void;
  abstract onDrain(): void;

  onHeaders(): void {}

  onData(chunk: Uint8Array, end: boolean): void {
    this.stream.consume(chunk.length);
    if (this.done) return;
    const { messageBytesMax } = this.grpc.compiled.deps.limits;
    if (this.#buffer === undefined && this.#kept === undefined && isOneMessage(chunk, messageBytesMax)) {
      // As nearly all are.
      this.#kept = { compressed: chunk[0] === COMPRESSED, bytes: ownedCopy(chunk, PREFIX_BYTES, chunk.length) };
    } else if (chunk.length > 0) {
      this.#buffer ??= new MessageBuffer(messageBytesMax);
      this.#hold(end ? 0 : chunk.length);
      if (this.done) return;
      this.#buffer.push(chunk);
      this.#keepFrom(this.#buffer);
    }
    if (end) this.requestEnd();
  }

  onTrailers(): void {
    this.requestEnd();
  }

  /** What is held of the request no longer counts. */
  protected letGo(): void {
    this.#held?.letGo();
  }

  #hold(bytes: number): void {
    this.#held ??= new HeldRequest();
    const refusal = this.#held.add(bytes);
    if (refusal !== undefined) this.refuse(refusal);
  }

  protected requestEnd(): void {
    this.requestEnded = true;
    this.letGo();
    if (this.done) return;
    if (this.#buffer !== undefined && this.#buffer.length > 0)
      this.refuse(new ConnectError(INCOMPLETE, Code.InvalidArgument));
    else this.onRequestsEnd();
  }

  /** A message of the request; a promise where inflating it takes long. Throws, or rejects with, a ConnectError. */
  protected read({ bytes, compressed }: WireMessage): Message | Promise<Message> {
    const { input, compiled } = this.grpc;
    if (!compressed) return input.parse(bytes);
    if (!this.target.requestGzip) throw new ConnectError(NOT_COMPRESSED, Code.Internal);
    const inflated = inflateGzip(bytes, compiled.deps.limits.messageBytesMax);
    return inflated instanceof Promise ? inflated.then((whole) => input.parse(whole)) : input.parse(inflated);
  }

  /** Reads the message that was kept, and goes on with it; `run` must not throw. */
  protected runKept(run: (message: Message) => void): void {
    const kept = this.#kept;
    if (kept === undefined) {
      this.refuse(wrongCount("missing", this.grpc.compiled));
      return;
    }
    this.#kept = undefined;
    let message: Message | Promise<Message>;
    try {
      message = this.read(kept);
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

  /** Keeps the one message of a method that takes no more. */
  #keepFrom(buffer: MessageBuffer): void {
    try {
      while (buffer.ready && !this.done) {
        const message = buffer.take();
        if (this.#kept !== undefined) this.refuse(wrongCount("received extra", this.grpc.compiled));
        this.#kept = message;
      }
    } catch (error) {
      this.refuse(ConnectError.from(error));
    }
  }
}

// In Connect's words, which `describeDecodeError` turns into ours.
const NOT_COMPRESSED = "received compressed envelope, but do not know how to decompress";
const INCOMPLETE = "protocol error: incomplete envelope";

const wrongCount = (what: string, { method }: CompiledMethod): ConnectError => {
  const kind = method.methodKind.replace("_", "-");
  return new ConnectError(`protocol error: ${what} input message for ${kind} method`, Code.Unimplemented);
};
