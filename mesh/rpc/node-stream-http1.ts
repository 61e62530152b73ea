import type { IncomingMessage, ServerResponse } from "node:http";
import { ErrorCode, HeaderList, type HttpStream } from "../wire/index.ts";
import { NodeStreamBase } from "./node-stream-base.ts";

/** A request over HTTP/1.1, seen as a stream of HTTP/2. */
export class NodeHttp1Stream extends NodeStreamBase implements HttpStream {
  /** Tells those who must know that two directions at once are not to be had here. */
  readonly httpVersion: string;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  /** The request's end was told. */
  #received: boolean;
  #sent = false;

  constructor(request: IncomingMessage, response: ServerResponse, { peer, end }: { peer: string; end: boolean }) {
    super(request, peer);
    this.#request = request;
    this.#response = response;
    this.httpVersion = request.httpVersion;
    this.#received = end;
    this.read();
    request.on("end", () => this.#onEnd());
    // The close that follows says the same.
    request.on("error", () => undefined);
    response.on("error", () => undefined);
    response.on("drain", () => {
      if (!this.over) this.handler.onDrain();
    });
    response.once("close", () => this.#onClose(response.writableFinished));
    request.once("close", () => {
      if (!request.complete) this.#onClose(false);
    });
  }

  get closed(): boolean {
    return this.over;
  }

  get queuedBytes(): number {
    return this.#response.writableLength;
  }

  sendHeaders(headers: HeaderList, extra: readonly string[] | undefined, end: boolean): void {
    if (this.over || this.#response.headersSent) return;
    const { status, fields, length } = http1Headers(headers, extra);
    const mayHaveBody = this.#request.method !== "HEAD" && status >= 200 && status !== 204 && status !== 304;
    // Otherwise an empty body would be sent in chunks.
    if (end && mayHaveBody && length === undefined) fields.push("content-length", "0");
    try {
      this.#response.writeHead(status, fields);
    } catch {
      // Node throws for headers that it takes for invalid.
      this.reset(ErrorCode.INTERNAL_ERROR);
      queueMicrotask(() => this.handler.onReset(ErrorCode.INTERNAL_ERROR, "local"));
      return;
    }
    if (end) this.#end();
  }

  sendData(chunk: Uint8Array, end: boolean, prefix?: Uint8Array): boolean {
    const response = this.#response;
    if (this.over || this.#sent) return true;
    if (prefix !== undefined && prefix.length > 0) response.write(prefix);
    // Node keeps the header until there is a body to go with it.
    if (chunk.length === 0 && !end) response.flushHeaders();
    // An empty chunk would be the last one (RFC 9112, 7.1).
    const more = chunk.length === 0 || response.write(chunk);
    if (!end) return more;
    this.#end();
    return true;
  }

  sendTrailers(trailers: HeaderList, extra: readonly string[] | undefined): void {
    if (this.over || this.#sent) return;
    // A body of known length has none (RFC 9112, 7.1.2); Node leaves them out then.
    try {
      this.#response.addTrailers(pairs(trailers.fields, extra));
    } catch {
      this.reset(ErrorCode.INTERNAL_ERROR);
      return;
    }
    this.#end();
  }

  reset(code: number): void {
    if (this.over) return;
    this.over = true;
    // The answer is complete and stays; what is left of the request is read for nobody, within its time.
    if (code === ErrorCode.NO_ERROR && this.#sent) this.#request.resume();
    else this.#response.destroy();
  }

  #end(): void {
    this.#sent = true;
    this.#response.end();
  }

  #onEnd(): void {
    if (this.#received || this.over) return;
    this.#received = true;
    const { rawTrailers } = this.#request;
    if (rawTrailers.length === 0) this.tellEnd();
    else
      this.handler.onTrailers(
        new HeaderList(rawTrailers.map((text, at) => (at % 2 === 0 ? text.toLowerCase() : text))),
      );
    if (this.#sent && this.#response.writableFinished) this.over = true;
  }

  #onClose(finished: boolean): void {
    if (this.over) return;
    // The answer has left, and more of the request may come.
    if (finished && !this.#received && !this.#request.destroyed) return;
    this.over = true;
    if (!finished || !this.#received) this.handler.onReset(ErrorCode.CANCEL, "connection");
  }
}

const http1Headers = (headers: HeaderList, extra: readonly string[] | undefined) => {
  const fields: string[] = [];
  let status = 200;
  let length: string | undefined;
  const add = (list: readonly string[]) => {
    for (let index = 0; index < list.length; index += 2) {
      const name = list[index] as string;
      const value = list[index + 1] as string;
      if (name === ":status") status = Number(value);
      if (name === "content-length") length = value;
      if (!name.startsWith(":")) fields.push(name, value);
    }
  };
  add(headers.fields);
  if (extra !== undefined) add(extra);
  return { status, fields, length };
};

const pairs = (fields: readonly string[], extra: readonly string[] | undefined): [string, string][] => {
  const all = extra === undefined ? fields : [...fields, ...extra];
  const found: [string, string][] = [];
  for (let index = 0; index < all.length; index += 2) found.push([all[index] as string, all[index + 1] as string]);
  return found;
};
