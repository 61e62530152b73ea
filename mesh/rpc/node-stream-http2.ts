import {
  type ClientHttp2Stream,
  constants,
  type Http2Session,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import { systemTimers } from "../runtime/index.ts";
import { ErrorCode, HeaderList, type HttpStream, type ResetCause } from "../wire/index.ts";
import { NodeStreamBase } from "./node-stream-base.ts";

/** A stream of `node:http2`, of either side, seen as the engine's. */
export class NodeHttp2Stream extends NodeStreamBase implements HttpStream {
  readonly #stream: ServerHttp2Stream | ClientHttp2Stream;
  /** Kept, for a stream that is over does not know it any more. */
  readonly #session: Http2Session | undefined;
  #trailers: HeaderList | undefined;
  #trailersToSend: OutgoingHttpHeaders | undefined;
  /** The peer's end was told. */
  #received: boolean;
  #sent: boolean;

  /** `end`: the request's headers were all there is, received by a server or sent by a client. */
  constructor(stream: ServerHttp2Stream | ClientHttp2Stream, { peer, end }: { peer: string; end: boolean }) {
    super(stream, peer);
    this.#stream = stream;
    this.#session = stream.session;
    const isClient = !("respond" in stream);
    this.#received = end && !isClient;
    this.#sent = end && isClient;
    stream.on("trailers", (_trailers, _flags, raw?: string[]) => {
      if (raw !== undefined) this.#trailers = new HeaderList(raw);
    });
    stream.on("wantTrailers", () => this.#sendTrailers());
    stream.on("end", () => this.#onEnd());
    stream.on("drain", () => {
      if (!this.over) this.handler.onDrain();
    });
    // The close that follows says the same.
    stream.on("error", () => undefined);
    stream.once("close", () => this.#onClose());
    if (isClient) {
      (stream as ClientHttp2Stream).once("response", (_headers: IncomingHttpHeaders, flags: number, raw: string[]) =>
        this.#onResponse(flags, raw),
      );
    } else {
      this.read();
    }
  }

  get closed(): boolean {
    return this.over || this.#stream.closed || this.#stream.destroyed;
  }

  get queuedBytes(): number {
    return this.#stream.writableLength;
  }

  sendHeaders(headers: HeaderList, extra: readonly string[] | undefined, end: boolean): void {
    const stream = this.#stream as ServerHttp2Stream;
    if (this.closed || this.#sent || stream.headersSent) return;
    this.#sent = end;
    this.#try(() => stream.respond(nodeHeaders(headers, extra), { endStream: end, waitForTrailers: !end }));
  }

  sendData(chunk: Uint8Array, end: boolean, prefix?: Uint8Array): boolean {
    const stream = this.#stream;
    if (this.closed || this.#sent || stream.writableEnded) return true;
    if (prefix !== undefined && prefix.length > 0) stream.write(prefix);
    if (!end) return stream.write(chunk);
    this.#sent = true;
    stream.end(chunk);
    return true;
  }

  sendTrailers(trailers: HeaderList, extra: readonly string[] | undefined): void {
    if (this.closed || this.#sent) return;
    this.#sent = true;
    this.#trailersToSend = nodeHeaders(trailers, extra);
    this.#stream.end();
  }

  reset(code: number): void {
    if (this.over) return;
    this.over = true;
    // Not within what Node has just read: with requests still to be sent it would fill memory with empty DATA frames of this stream.
    systemTimers.afterTurn(() => this.#stream.close(code));
    // Node closes a stream when what it has received was read.
    this.#stream.resume();
  }

  /** Node throws for headers that it takes for invalid; here, that ends the stream. */
  #try(send: () => void): void {
    try {
      send();
    } catch {
      this.over = true;
      this.#stream.close(ErrorCode.INTERNAL_ERROR);
      queueMicrotask(() => this.handler.onReset(ErrorCode.INTERNAL_ERROR, "local"));
    }
  }

  #sendTrailers(): void {
    this.#try(() => this.#stream.sendTrailers(this.#trailersToSend ?? {}));
  }

  #onResponse(flags: number, raw: readonly string[]): void {
    if (this.over) return;
    const end = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    this.#received = end;
    this.handler.onHeaders(new HeaderList(raw), end);
    this.read();
  }

  #onEnd(): void {
    // Node ends what it reads from a broken connection like any other; the close tells the two apart.
    if (this.#received || this.over || this.#session?.destroyed) return;
    this.#received = true;
    if (this.#trailers === undefined) this.tellEnd();
    else this.handler.onTrailers(this.#trailers);
  }

  #onClose(): void {
    if (this.over) return;
    this.over = true;
    if (this.#received && this.#sent && this.#stream.writableFinished) return;
    const code = this.#stream.rstCode ?? ErrorCode.CANCEL;
    this.handler.onReset(code, this.#cause(code));
  }

  #cause(code: number): ResetCause {
    if (code === ErrorCode.REFUSED_STREAM) return "unprocessed";
    return this.#session?.destroyed ? "connection" : "peer";
  }
}

/** Headers as Node takes them: a field that repeats has an array. */
export const nodeHeaders = (list: HeaderList, extra: readonly string[] | undefined): OutgoingHttpHeaders => {
  const headers: OutgoingHttpHeaders = {};
  addAll(headers, list.fields);
  if (extra !== undefined) addAll(headers, extra);
  return headers;
};

const addAll = (headers: OutgoingHttpHeaders, fields: readonly string[]): void => {
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] as string;
    const value = fields[index + 1] as string;
    const present = headers[name];
    if (present === undefined) headers[name] = value;
    else headers[name] = Array.isArray(present) ? [...present, value] : [String(present), value];
  }
};
