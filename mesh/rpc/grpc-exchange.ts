import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describeDecodeError } from "../contract/complete-malformed.ts";
import { HeaderList, type ResetCause } from "../wire/index.ts";
import { discardBody } from "./discard-body.ts";
import { COMPRESSED, PREFIX_BYTES } from "./envelope.ts";
import { GrpcRequest } from "./grpc-request.ts";
import { statusFields } from "./grpc-status.ts";
import { TRAILERS_ONLY } from "./grpc-target.ts";
import { compressGzip } from "./gzip.ts";
import { resetError } from "./reset-error.ts";

/** Replies shorter than this are not worth compressing. */
const COMPRESS_BYTES_MIN = 1024;

/** What every gRPC call on the server does: sends replies, and ends once, by a status. How many there are is what its kinds add. */
export abstract class GrpcExchange extends GrpcRequest {
  #headersSent = false;

  /** Lets the call begin, unless its headers forbid it. */
  start(end: boolean): void {
    const { call } = this;
    const { deps } = call.compiled;
    const { deadlineMs } = call;
    if (this.target.refusal !== undefined) {
      this.refuse(this.target.refusal);
    } else if (deadlineMs !== undefined && deadlineMs <= call.startMs) {
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
  /** The call has ended, for `reason` where it was cut short: whatever works for it must stop. */
  protected abstract onDone(reason: unknown): void;

  onReset(code: number, cause: ResetCause): void {
    if (this.done) return;
    const error = resetError(code, cause);
    this.done = true;
    this.letGo();
    this.call.abort(error);
    this.call.fail(error);
    this.onDone(error);
  }

  onDrain(): void {}

  /** Sends the headers, with what the handler has set. */
  protected sendHeaders(): void {
    if (this.#headersSent) return;
    this.#headersSent = true;
    this.stream.sendHeaders(this.target.replyHeaders, this.call.headerFields, false);
  }

  /** A reply's bytes after its prefix. Throws what keeps it from being sent. */
  protected encode(reply: MessageInitShape<DescMessage>): Uint8Array {
    const { compiled, output } = this.grpc;
    const enveloped = output.serializeEnveloped(create(compiled.method.output, reply));
    const length = enveloped.length - PREFIX_BYTES;
    const { messageBytesMax } = compiled.deps.limits;
    if (length > messageBytesMax && compiled.deps.policies) {
      throw new ConnectError(
        `message size ${length} is larger than configured writeMaxBytes ${messageBytesMax}`,
        Code.ResourceExhausted,
      );
    }
    return enveloped;
  }

  protected compresses(enveloped: Uint8Array): boolean {
    return this.target.replyGzip && enveloped.length - PREFIX_BYTES >= COMPRESS_BYTES_MIN;
  }

  /** Sends one reply as it is; false when the caller is to wait for `onDrain`. */
  protected sendMessage(enveloped: Uint8Array): boolean {
    this.sendHeaders();
    return this.stream.sendData(enveloped, false);
  }

  /** Compresses a reply on its way. */
  protected async sendCompressed(enveloped: Uint8Array): Promise<boolean> {
    const packed = await compressGzip(enveloped.subarray(PREFIX_BYTES));
    if (this.done) return true;
    this.sendHeaders();
    return this.stream.sendData(packed, false, compressedPrefix(packed.length));
  }

  /** Ends the call well. */
  protected succeed(): void {
    if (this.done) return;
    this.done = true;
    this.sendHeaders();
    this.stream.sendTrailers(STATUS_OK, this.call.trailerFields);
    this.call.end(0);
    this.#leave(undefined);
  }

  /** Ends the call with what was thrown. */
  protected failWith(thrown: unknown): void {
    this.#endWith(thrown, () => this.call.fail(thrown));
  }

  /** Ends the call for what is wrong with its request. */
  protected refuse(error: ConnectError): void {
    const { deps, method } = this.grpc.compiled;
    this.failWith(deps.policies ? describeDecodeError(error, method) : error);
  }

  /** Ends a call whose reply cannot be sent. */
  protected failUnsent(error: unknown): void {
    const cause = ConnectError.from(error, Code.Internal);
    this.#endWith(cause, () => {
      this.call.end(cause.code);
      return this.call.unsent(cause);
    });
  }

  /** Whatever was thrown, and whatever is wrong with it: the call ends once, with a status. */
  #endWith(thrown: unknown, map: () => ConnectError): void {
    if (this.done) return;
    this.done = true;
    try {
      this.#sendStatus(statusFields(map()));
    } catch (error) {
      // What was thrown cannot be told: details that are no messages, or a proxy that throws.
      this.call.end(Code.Internal);
      this.#sendStatus(
        statusFields(this.call.unsent(new ConnectError("internal error", Code.Internal, {}, [], error))),
      );
    }
    this.#leave(thrown);
  }

  /** The answer is complete: what works for it stops, and a caller that goes on sending is stopped as well. */
  #leave(reason: unknown): void {
    this.letGo();
    this.onDone(reason);
    if (!this.requestEnded) discardBody(this.stream, this.grpc.compiled.deps.runtime.timers);
  }

  #sendStatus(fields: readonly string[]): void {
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

const compressedPrefix = (length: number): Uint8Array =>
  new Uint8Array([COMPRESSED, length >>> 24, length >>> 16, length >>> 8, length]);
