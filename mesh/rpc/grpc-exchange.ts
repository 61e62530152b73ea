import { create, type DescMessage, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describeDecodeError } from "../contract/complete-malformed.ts";
import { HeaderList, type HttpStream, type StreamHandler } from "../wire/index.ts";
import { type BinaryCodec, binaryCodec } from "./binary-codec.ts";
import type { CompiledMethod } from "./compile-method.ts";
import { GrpcCall } from "./grpc-call.ts";
import { statusFields } from "./grpc-status.ts";
import { type GrpcTarget, TRAILERS_ONLY } from "./grpc-target.ts";
import { compressGzip, inflateGzip } from "./gzip.ts";
import {
  COMPRESSED,
  MessageReader,
  type MessageSink,
  messageTooLarge,
  ownedCopy,
  PREFIX_BYTES,
} from "./message-reader.ts";
import { resetError } from "./reset-error.ts";

/** A method with what turns its messages into bytes and back. */
export interface GrpcMethod {
  readonly compiled: CompiledMethod;
  readonly input: BinaryCodec;
  readonly output: BinaryCodec;
}

export const grpcMethod = (compiled: CompiledMethod): GrpcMethod => ({
  compiled,
  input: binaryCodec(compiled.method.input),
  output: binaryCodec(compiled.method.output),
});

/** Replies shorter than this are not worth compressing. */
const COMPRESS_BYTES_MIN = 1024;

/**
 * What every gRPC call on the server does: reads messages, sends replies, and ends once, by a status. How many of each there are is
 * what its kinds add.
 */
export abstract class GrpcExchange implements StreamHandler, MessageSink {
  protected readonly call: GrpcCall;
  protected readonly stream: HttpStream;
  protected readonly grpc: GrpcMethod;
  readonly #target: GrpcTarget;
  #reader: MessageReader | undefined = undefined;
  #headersSent = false;
  /** Settles when the messages that are being inflated are handed on. */
  #inflating: Promise<void> | undefined = undefined;
  /** The status is sent, or nobody waits for it any more. */
  protected done = false;

  constructor(target: GrpcTarget, stream: HttpStream) {
    this.grpc = target.grpc;
    this.stream = stream;
    this.#target = target;
    this.call = new GrpcCall(target, stream);
    stream.handler = this;
  }

  /** Lets the call begin, unless its headers forbid it. */
  start(end: boolean): void {
    const { call } = this;
    const { deps } = call.compiled;
    if (this.#target.refusal !== undefined) {
      this.refuse(this.#target.refusal);
    } else if (call.deadlineMs !== undefined && call.deadlineMs <= call.startMs) {
      this.failWith(call.compiled.late());
    } else {
      call.onAbort = (reason) => this.failWith(reason);
      deps.watch.enter(call);
      this.begin();
      if (end) this.requestEnd();
    }
  }

  /** The call is admitted. */
  protected begin(): void {}
  /** One message of the request, whole and inflated. */
  protected abstract onRequest(bytes: Uint8Array, wireBytes: number): void;
  /** No further message comes. */
  protected abstract onRequestsEnd(): void;
  /** The request cannot be read any further. */
  protected abstract onRequestsFailed(error: ConnectError): void;
  /** The call has ended, for `reason` where it was cut short: whatever works for it must stop. */
  protected abstract onDone(reason: unknown): void;
  /** `bytes` of the body have come. They may have been handed on, or be a part of a message. */
  protected onReceived(bytes: number): void {
    this.stream.consume(bytes);
  }

  onHeaders(): void {}

  onData(chunk: Uint8Array, end: boolean): void {
    if (this.done) {
      this.stream.consume(chunk.length);
      return;
    }
    if (end && this.#reader === undefined && isOneMessage(chunk)) {
      // A unary request, as nearly all are.
      this.onReceived(chunk.length);
      this.#checkSize(chunk.length - PREFIX_BYTES);
      if (!this.done) this.onRequest(ownedCopy(chunk, PREFIX_BYTES, chunk.length), chunk.length);
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

  onReset(code: number): void {
    if (this.done) return;
    const error = resetError(code);
    this.done = true;
    this.call.abort(error);
    this.call.fail(error);
    this.onDone(error);
  }

  onDrain(): void {}

  onMessage(flags: number, bytes: Uint8Array): void {
    const wireBytes = bytes.length + PREFIX_BYTES;
    if (flags !== COMPRESSED && this.#inflating === undefined) {
      this.onRequest(bytes, wireBytes);
      return;
    }
    if (flags === COMPRESSED && !this.#target.requestGzip) {
      this.requestsFailed(
        new ConnectError("received compressed envelope, but do not know how to decompress", Code.Internal),
      );
      return;
    }
    const inflated = this.#inflate(this.#inflating, flags, bytes, wireBytes).then(() => {
      if (this.#inflating === inflated) this.#inflating = undefined;
    });
    this.#inflating = inflated;
  }

  /** In order, whatever takes longer. */
  async #inflate(before: Promise<void> | undefined, flags: number, bytes: Uint8Array, wireBytes: number) {
    try {
      await before;
      const { messageBytesMax } = this.grpc.compiled.deps.limits;
      const inflated = flags === COMPRESSED ? await inflateGzip(bytes, messageBytesMax) : bytes;
      if (!this.done) this.onRequest(inflated, wireBytes);
    } catch (error) {
      this.requestsFailed(ConnectError.from(error));
    }
  }

  protected requestEnd(): void {
    if (this.done) return;
    if (this.#reader?.pending) {
      this.requestsFailed(new ConnectError("protocol error: incomplete envelope", Code.InvalidArgument));
    } else if (this.#inflating !== undefined) {
      void this.#inflating.then(() => this.requestEnd());
    } else {
      this.onRequestsEnd();
    }
  }

  protected requestsFailed(error: ConnectError): void {
    if (!this.done) this.onRequestsFailed(error);
  }

  protected decode(bytes: Uint8Array): Message {
    return this.grpc.input.parse(bytes);
  }

  #checkSize(bytes: number): void {
    const { messageBytesMax } = this.grpc.compiled.deps.limits;
    if (bytes > messageBytesMax) this.requestsFailed(messageTooLarge(bytes, messageBytesMax));
  }

  /** Sends the headers, with what the handler has set. */
  protected sendHeaders(): void {
    if (this.#headersSent) return;
    this.#headersSent = true;
    this.stream.sendHeaders(this.#target.replyHeaders, this.call.headerFields, false);
  }

  /** A reply's bytes. Throws what keeps it from being sent. */
  protected encode(reply: MessageInitShape<DescMessage>): Uint8Array {
    const { compiled, output } = this.grpc;
    const bytes = output.serialize(create(compiled.method.output, reply));
    const { messageBytesMax } = compiled.deps.limits;
    if (bytes.length > messageBytesMax && compiled.deps.policies) {
      throw new ConnectError(
        `message size ${bytes.length} is larger than configured writeMaxBytes ${messageBytesMax}`,
        Code.ResourceExhausted,
      );
    }
    return bytes;
  }

  protected compresses(bytes: Uint8Array): boolean {
    return this.#target.replyGzip && bytes.length >= COMPRESS_BYTES_MIN;
  }

  /** Sends one reply; false when the caller is to wait for `onDrain`. */
  protected sendMessage(bytes: Uint8Array, compressed: boolean): boolean {
    this.sendHeaders();
    return this.stream.sendData(bytes, false, prefixOf(bytes.length, compressed));
  }

  /** Compresses a reply on its way. */
  protected sendCompressed(bytes: Uint8Array): Promise<boolean> {
    return Promise.resolve(compressGzip(bytes)).then((packed) => this.done || this.sendMessage(packed, true));
  }

  /** Ends the call well. */
  protected succeed(): void {
    if (this.done) return;
    this.done = true;
    this.sendHeaders();
    this.stream.sendTrailers(STATUS_OK, this.call.trailerFields);
    this.call.end(0);
    this.onDone(undefined);
  }

  /** Ends the call with what was thrown. */
  protected failWith(thrown: unknown): void {
    if (this.done) return;
    this.done = true;
    this.#sendStatus(this.call.fail(thrown));
    this.onDone(thrown);
  }

  /** Ends the call for what is wrong with its request. */
  protected refuse(error: ConnectError): void {
    if (this.done) return;
    const { deps, method } = this.grpc.compiled;
    this.failWith(deps.policies ? describeDecodeError(error, method) : error);
  }

  /** Ends a call whose reply cannot be sent. */
  protected failUnsent(error: unknown): void {
    if (this.done) return;
    this.done = true;
    const cause = ConnectError.from(error, Code.Internal);
    this.call.end(cause.code);
    this.#sendStatus(this.call.unsent(cause));
    this.onDone(cause);
  }

  #sendStatus(error: ConnectError): void {
    const fields = statusFields(error);
    const trailers = this.call.trailerFields;
    const all = trailers === undefined ? fields : [...fields, ...trailers];
    if (!this.#headersSent && this.call.headerFields === undefined) {
      this.stream.sendHeaders(TRAILERS_ONLY, all, true);
    } else {
      this.sendHeaders();
      this.stream.sendTrailers(EMPTY, all);
    }
  }
}

const STATUS_OK = HeaderList.of({ "grpc-status": "0" });
const EMPTY = new HeaderList([]);

/** True when a chunk is one message that is not compressed, and nothing else. */
const isOneMessage = (chunk: Uint8Array): boolean =>
  chunk.length >= PREFIX_BYTES &&
  chunk[0] === 0 &&
  chunk.length - PREFIX_BYTES ===
    (((chunk[1] as number) << 24) | ((chunk[2] as number) << 16) | ((chunk[3] as number) << 8) | (chunk[4] as number));

/** Prefixes of short messages, which are the same for ever. */
const prefixes: (Uint8Array | undefined)[] = [];
const PREFIXES_KEPT = 4096;

const prefixOf = (length: number, compressed: boolean): Uint8Array => {
  const known = compressed || length >= PREFIXES_KEPT ? undefined : prefixes[length];
  if (known !== undefined) return known;
  const prefix = new Uint8Array([compressed ? COMPRESSED : 0, length >>> 24, length >>> 16, length >>> 8, length]);
  if (!compressed && length < PREFIXES_KEPT) prefixes[length] = prefix;
  return prefix;
};
