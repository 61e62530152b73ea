import type { DescMessage, DescMethodStreaming, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { ConnectError, StreamResponse } from "@connectrpc/connect";
import { ErrorCode, type HeaderList, type HttpStream, type ResetCause, type StreamHandler } from "../../wire/index.ts";
import { inflateGzip } from "../gzip.ts";
import type { WireMessage } from "../message-buffer.ts";
import { acquireError, lateStreamError, missingStatus, streamError, unexpectedCompression } from "./call-errors.ts";
import { type CallRequest, type ClientWire, StreamOpening, TRANSPARENT_RETRIES_MAX } from "./client-wire.ts";
import { ReplyMessages } from "./reply-messages.ts";
import { RequestPump } from "./request-pump.ts";
import { appendTo, type ResponseHead, readHead, readTrailers, toHeaders, withMetadata } from "./response-head.ts";
import { type CallScope, overAlready, watchCall } from "./watch-call.ts";

/**
 * Makes one streaming call. Resolves when the response's headers are there; rejects with a ConnectError when the call ends
 * before, otherwise the error comes from the messages.
 */
export const callStreaming = (
  wire: ClientWire,
  request: CallRequest,
  input: AsyncIterable<MessageInitShape<DescMessage>>,
  scope: CallScope,
): Promise<StreamResponse> =>
  new Promise((resolve, reject) => {
    const call = new StreamingCall(wire, request, input, resolve, reject);
    const over = overAlready(scope);
    if (over === undefined) call.start(scope);
    else call.cancel(over);
  });

class StreamingCall implements StreamHandler {
  readonly #wire: ClientWire;
  readonly #request: CallRequest;
  readonly #opening: StreamOpening;
  readonly #resolve: (response: StreamResponse) => void;
  readonly #reject: (error: unknown) => void;
  readonly #pump: RequestPump;
  readonly #replies: ReplyMessages;
  #over = false;
  /** `Clock.monotonicMs` of its end. */
  #deadlineMs = Number.POSITIVE_INFINITY;
  #unwatch: (() => void) | undefined;
  #stream: HttpStream | undefined;
  #retries = 0;
  #headers: HeaderList | undefined;
  #head: ResponseHead | undefined;
  #trailers: HeaderList | undefined;
  #trailer: Headers | undefined;
  /** Bytes that came and that the peer was given no credit for, and those among them that were taken. */
  #owedBytes = 0;
  #takenBytes = 0;

  constructor(
    wire: ClientWire,
    request: CallRequest,
    input: AsyncIterable<MessageInitShape<DescMessage>>,
    resolve: (response: StreamResponse) => void,
    reject: (error: unknown) => void,
  ) {
    const { compiled } = request;
    this.#wire = wire;
    this.#request = request;
    this.#opening = new StreamOpening(wire, request);
    this.#resolve = resolve;
    this.#reject = reject;
    this.#pump = new RequestPump({
      input,
      encode: compiled.encode,
      compressMinBytes: wire.compressMinBytes,
      single: compiled.method.methodKind === "server_streaming",
      failed: (error) => this.cancel(error),
    });
    this.#replies = new ReplyMessages({
      messageBytesMax: wire.readMaxBytes,
      read: (message) => this.#read(message),
      taken: (bytes) => this.#taken(bytes),
      cancel: (error) => this.cancel(error),
    });
  }

  start(scope: CallScope): void {
    if (scope.timeoutMs !== undefined) this.#deadlineMs = this.#wire.clock.monotonicMs() + scope.timeoutMs;
    if (scope.timeoutMs !== undefined || scope.signal !== undefined || scope.outer !== undefined)
      this.#unwatch = watchCall(scope, this.#wire.timers, (error) => this.cancel(error));
    this.#open();
  }

  /** Ends the call from this side. */
  cancel(error: ConnectError): void {
    if (this.#over) return;
    this.#credit(this.#owedBytes);
    this.#stream?.reset(ErrorCode.CANCEL);
    this.#opening.stop();
    this.#abort(error);
  }

  onHeaders(headers: HeaderList, end: boolean): void {
    if (this.#over) return;
    this.#pump.forget();
    this.#headers = headers;
    const head = readHead(headers, this.#wire.acceptGzip);
    this.#head = head;
    const failed = head.wrong ?? head.status;
    if (failed !== undefined) {
      this.cancel(withMetadata(failed, headers));
      return;
    }
    this.#resolve(this.#response());
    if (end) this.#finish(undefined);
  }

  onData(chunk: Uint8Array, end: boolean): void {
    if (this.#over) {
      this.#stream?.consume(chunk.length);
      return;
    }
    this.#owedBytes += chunk.length;
    this.#replies.push(chunk);
    // What is not a whole message yet must not wait for a consumer: it could be longer than the window.
    if (this.#replies.empty) this.#credit(this.#owedBytes);
    if (end) this.#finish(undefined);
  }

  onTrailers(trailers: HeaderList): void {
    this.#finish(trailers);
  }

  onReset(code: number, cause: ResetCause): void {
    if (this.#over) return;
    const again = cause === "unprocessed" && this.#headers === undefined && this.#pump.replayable;
    if (again && this.#retries < TRANSPARENT_RETRIES_MAX) {
      this.#retries += 1;
      this.#pump.detach();
      this.#open();
      return;
    }
    // What came before it is still good.
    const error = this.#isLate() ? lateStreamError(code, cause) : streamError(code, cause);
    this.#replies.breakOff(error);
    this.#abort(error);
  }

  #isLate(): boolean {
    return this.#wire.clock.monotonicMs() >= this.#deadlineMs - 1;
  }

  onDrain(): void {
    this.#pump.drained();
  }

  #open(): void {
    this.#opening.open(
      this,
      (stream) => {
        this.#stream = stream;
        this.#pump.attach(stream);
      },
      (error) => this.#abort(acquireError(error)),
    );
  }

  #finish(trailers: HeaderList | undefined): void {
    if (this.#over) return;
    this.#trailers = trailers;
    if (trailers !== undefined && this.#trailer !== undefined) appendTo(this.#trailer, trailers);
    const error = this.#outcome(trailers);
    this.#settle(error);
    this.#replies.end(error);
  }

  #outcome(trailers: HeaderList | undefined): ConnectError | undefined {
    if (this.#head?.hasStatus) return undefined;
    const status = trailers === undefined ? undefined : readTrailers(trailers);
    if (status === undefined) return missingStatus();
    return status === null ? undefined : withMetadata(status, trailers, this.#headers);
  }

  #abort(error: ConnectError): void {
    if (this.#over) return;
    this.#settle(error);
    this.#replies.abort(error);
    // Settled already when the response has begun.
    this.#reject(error);
  }

  #settle(error: ConnectError | undefined): void {
    this.#over = true;
    this.#unwatch?.();
    // A response may end before the request has: the rest is for nobody.
    if (!this.#pump.ended || (this.#stream?.queuedBytes ?? 0) > 0) this.#stream?.reset(ErrorCode.CANCEL);
    this.#pump.stop(error);
  }

  #read({ compressed, bytes }: WireMessage): MessageShape<DescMessage> | Promise<MessageShape<DescMessage>> {
    const { decode } = this.#request.compiled;
    if (!compressed) return decode(bytes);
    if (!this.#head?.gzip) throw unexpectedCompression();
    const inflated = inflateGzip(bytes, this.#wire.readMaxBytes);
    return inflated instanceof Promise ? inflated.then(decode) : decode(inflated);
  }

  #taken(bytes: number): void {
    this.#takenBytes += bytes;
    if (this.#replies.empty) this.#credit(this.#owedBytes);
    else if (this.#takenBytes >= CREDIT_BYTES_MIN) this.#credit(Math.min(this.#takenBytes, this.#owedBytes));
  }

  #credit(bytes: number): void {
    this.#takenBytes = 0;
    if (bytes === 0) return;
    this.#owedBytes -= bytes;
    this.#stream?.consume(bytes);
  }

  #response(): StreamResponse {
    const { method } = this.#request.compiled;
    const headers = this.#headers;
    let header: Headers | undefined;
    const call = this;
    return {
      stream: true,
      service: method.parent,
      method: method as DescMethodStreaming,
      message: this.#replies,
      get header() {
        header ??= toHeaders(headers);
        return header;
      },
      /** Filled once the response is complete. */
      get trailer() {
        call.#trailer ??= toHeaders(call.#trailers);
        return call.#trailer;
      },
    };
  }
}

/** Bytes taken from a queue that is not empty before the peer is told that it may send as many more. */
const CREDIT_BYTES_MIN = 16 * 1024;
