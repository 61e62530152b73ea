import type { DescMessage, DescMethodUnary, MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type UnaryResponse } from "@connectrpc/connect";
import {
  ErrorCode,
  type HeaderList,
  type HttpStream,
  IGNORE,
  type ResetCause,
  type StreamHandler,
} from "../../wire/index.ts";
import { COMPRESSED, isOneMessage, PREFIX_BYTES } from "../envelope.ts";
import { compressGzip, inflateGzip } from "../gzip.ts";
import { MessageBuffer, type WireMessage } from "../message-buffer.ts";
import { ownedCopy } from "../owned-copy.ts";
import type { Ends, RunningAttempt } from "./attempt.ts";
import {
  acquireError,
  incompleteMessage,
  lateStreamError,
  missingStatus,
  streamError,
  unexpectedCompression,
} from "./call-errors.ts";
import {
  type CallRequest,
  type ClientWire,
  messagePrefix,
  StreamOpening,
  TRANSPARENT_RETRIES_MAX,
} from "./client-wire.ts";
import { type ResponseHead, readHead, readTrailers, withMetadata } from "./response-head.ts";
import { UnaryReply } from "./unary-reply.ts";
import { type CallScope, overAlready, watchCall } from "./watch-call.ts";

/** Makes one unary call. Rejects with a ConnectError. */
export const callUnary = (
  wire: ClientWire,
  request: CallRequest,
  message: MessageInitShape<DescMessage>,
  scope: CallScope,
): Promise<UnaryResponse> =>
  new Promise((resolve, reject) => {
    const over = overAlready(scope);
    if (over !== undefined) reject(over);
    else new UnaryCall(wire, request, resolve, reject).start(message, scope);
  });

class UnaryCall implements StreamHandler, RunningAttempt {
  readonly #wire: ClientWire;
  readonly #request: CallRequest;
  readonly #opening: StreamOpening;
  #resolve: (response: UnaryResponse) => void;
  #reject: (error: unknown) => void;
  #over = false;
  /** `Clock.monotonicMs` of its end. */
  #deadlineMs = Number.POSITIVE_INFINITY;
  #unwatch: (() => void) | undefined;
  #flags = 0;
  #bytes: Uint8Array = NOTHING;
  #stream: HttpStream | undefined;
  #retries = 0;
  #headers: HeaderList | undefined;
  #head: ResponseHead | undefined;
  /** What does not come as one message, all at once. */
  #buffer: MessageBuffer | undefined;
  #reply: WireMessage | undefined;

  constructor(
    wire: ClientWire,
    request: CallRequest,
    resolve: (response: UnaryResponse) => void,
    reject: (error: unknown) => void,
  ) {
    this.#wire = wire;
    this.#request = request;
    this.#opening = new StreamOpening(wire, request);
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(message: MessageInitShape<DescMessage>, scope: CallScope): void {
    const { attempt } = this.#request;
    if (attempt !== undefined) attempt.running = this;
    try {
      this.#bytes = this.#request.compiled.encode(message);
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (scope.timeoutMs !== undefined) this.#deadlineMs = this.#wire.clock.monotonicMs() + scope.timeoutMs;
    if (scope.timeoutMs !== undefined || scope.signal !== undefined || scope.outer !== undefined)
      this.#unwatch = watchCall(scope, this.#wire.timers, (error) => this.#cancel(error));
    if (this.#bytes.length >= this.#wire.compressMinBytes) void this.#compress();
    else this.#open();
  }

  get isDirect(): boolean {
    return this.#request.isDirect === true;
  }

  abandon(): void {
    this.#cancel(new ConnectError("another attempt was first", Code.Canceled));
  }

  divert({ resolve, reject }: Ends<UnaryResponse>): Ends<unknown> {
    const before = this.#ends();
    this.#resolve = resolve;
    this.#reject = reject;
    return before;
  }

  #ends(): Ends<unknown> {
    return { resolve: this.#resolve as Ends<unknown>["resolve"], reject: this.#reject };
  }

  onHeaders(headers: HeaderList, end: boolean): void {
    if (this.#over) return;
    this.#headers = headers;
    this.#head = readHead(headers, this.#wire.acceptGzip);
    const { attempt } = this.#request;
    if (attempt !== undefined && !end) attempt.isAnswered = true;
    if (this.#head.wrong !== undefined) this.#cancel(withMetadata(this.#head.wrong, headers));
    else if (end) this.#finish(undefined);
  }

  onData(chunk: Uint8Array, end: boolean): void {
    this.#stream?.consume(chunk.length);
    if (this.#over) return;
    if (this.#buffer === undefined && this.#reply === undefined && isOneMessage(chunk, this.#wire.readMaxBytes)) {
      this.#reply = { compressed: chunk[0] === COMPRESSED, bytes: ownedCopy(chunk, PREFIX_BYTES, chunk.length) };
    } else if (chunk.length > 0) {
      this.#buffer ??= new MessageBuffer(this.#wire.readMaxBytes);
      this.#buffer.push(chunk);
      this.#keepFrom(this.#buffer);
    }
    if (end) this.#finish(undefined);
  }

  onTrailers(trailers: HeaderList): void {
    this.#finish(trailers);
  }

  onReset(code: number, cause: ResetCause): void {
    if (this.#over) return;
    if (cause === "unprocessed" && this.#headers === undefined && this.#retries < TRANSPARENT_RETRIES_MAX) {
      this.#retries += 1;
      this.#open();
      return;
    }
    this.#fail(this.#isLate() ? lateStreamError(code, cause) : streamError(code, cause));
  }

  #isLate(): boolean {
    return this.#wire.clock.monotonicMs() >= this.#deadlineMs - 1;
  }

  onDrain(): void {}

  /** Keeps the one message that there may be. */
  #keepFrom(buffer: MessageBuffer): void {
    try {
      while (buffer.ready && !this.#over) {
        const message = buffer.take();
        if (this.#reply === undefined) this.#reply = message;
        else this.#cancel(new ConnectError(EXTRA_REPLY, Code.Unimplemented));
      }
    } catch (error) {
      this.#cancel(error);
    }
  }

  async #compress(): Promise<void> {
    try {
      this.#bytes = await compressGzip(this.#bytes);
      this.#flags = COMPRESSED;
      if (!this.#over) this.#open();
    } catch (error) {
      this.#fail(ConnectError.from(error, Code.Internal));
    }
  }

  #open(): void {
    this.#opening.open(
      this,
      (stream) => {
        this.#stream = stream;
        stream.sendData(this.#bytes, true, messagePrefix(this.#flags, this.#bytes.length));
      },
      (error) => this.#fail(acquireError(error)),
    );
  }

  /** The response is complete: what it is worth. */
  #finish(trailers: HeaderList | undefined): void {
    if (this.#over) return;
    const head = this.#head as ResponseHead;
    const status = trailers === undefined ? undefined : readTrailers(trailers);
    if (this.#buffer !== undefined && this.#buffer.length > 0) this.#fail(incompleteMessage());
    else if (status) this.#fail(withMetadata(status, trailers, this.#headers));
    else if (status === undefined && !head.hasStatus) this.#fail(missingStatus());
    else if (this.#reply === undefined) this.#fail(this.#noReply(status));
    else if (head.status !== undefined) this.#fail(new ConnectError(REPLY_AND_ERROR, Code.Unknown));
    else this.#decode(this.#reply, trailers);
    // An answer may come before the request has left as a whole: the rest is for nobody.
    if ((this.#stream?.queuedBytes ?? 0) > 0) this.#stream?.reset(ErrorCode.CANCEL);
  }

  #noReply(trailerStatus: null | undefined): ConnectError {
    const error = this.#head?.status;
    if (error !== undefined) return withMetadata(error, this.#headers);
    const code = trailerStatus === null ? Code.Unimplemented : Code.Unknown;
    return new ConnectError("protocol error: missing output message for unary method", code);
  }

  #decode({ compressed, bytes }: WireMessage, trailers: HeaderList | undefined): void {
    try {
      if (!compressed) {
        this.#succeed(bytes, trailers);
        return;
      }
      if (!this.#head?.gzip) throw unexpectedCompression();
      const inflated = inflateGzip(bytes, this.#wire.readMaxBytes);
      if (inflated instanceof Promise)
        inflated
          .then((whole) => this.#succeed(whole, trailers))
          .catch((error: unknown) => this.#fail(ConnectError.from(error, Code.Internal)));
      else this.#succeed(inflated, trailers);
    } catch (error) {
      this.#fail(ConnectError.from(error, Code.Internal));
    }
  }

  #succeed(bytes: Uint8Array, trailers: HeaderList | undefined): void {
    if (this.#over) return;
    const { compiled } = this.#request;
    const message = compiled.decode(bytes);
    this.#settle();
    this.#resolve(new UnaryReply(compiled.method as DescMethodUnary, message, this.#headers, trailers));
  }

  #cancel(error: unknown): void {
    if (this.#over) return;
    this.#stream?.reset(ErrorCode.CANCEL);
    this.#opening.stop();
    this.#fail(error);
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#settle();
    if (this.isDirect && this.#request.attempt?.takesOver?.(error, this.#ends())) return;
    this.#reject(error);
  }

  #settle(): void {
    this.#over = true;
    this.#unwatch?.();
    const { attempt } = this.#request;
    if (attempt !== undefined) {
      attempt.running = undefined;
      attempt.ended?.();
    }
    // A stream that is over may be remembered for a while: what it belonged to must not be.
    if (this.#stream !== undefined) this.#stream.handler = IGNORE;
  }
}

const NOTHING = new Uint8Array(0);
const EXTRA_REPLY = "protocol error: received extra output message for unary method";
const REPLY_AND_ERROR = "protocol error: received output message for unary method with error status";
