import type { HeaderList, HttpStream, StreamHandler } from "@heddle/mesh/wire";

/** The stream, with `fields` (name and value in turn) on whatever answer is sent by it. */
export const withFields = (stream: HttpStream, fields: readonly string[]): HttpStream =>
  fields.length === 0 ? stream : new StreamWithFields(stream, fields);

class StreamWithFields implements HttpStream {
  readonly #stream: HttpStream;
  readonly #fields: readonly string[];

  constructor(stream: HttpStream, fields: readonly string[]) {
    this.#stream = stream;
    this.#fields = fields;
  }

  get handler(): StreamHandler {
    return this.#stream.handler;
  }

  set handler(handler: StreamHandler) {
    this.#stream.handler = handler;
  }

  get peer(): string {
    return this.#stream.peer;
  }

  get httpVersion(): string {
    return this.#stream.httpVersion ?? "2.0";
  }

  get closed(): boolean {
    return this.#stream.closed;
  }

  get queuedBytes(): number {
    return this.#stream.queuedBytes;
  }

  sendHeaders(headers: HeaderList, extra: readonly string[] | undefined, end: boolean): void {
    this.#stream.sendHeaders(headers, extra === undefined ? this.#fields : [...extra, ...this.#fields], end);
  }

  sendData(chunk: Uint8Array, end: boolean, prefix?: Uint8Array): boolean {
    return this.#stream.sendData(chunk, end, prefix);
  }

  sendTrailers(trailers: HeaderList, extra: readonly string[] | undefined): void {
    this.#stream.sendTrailers(trailers, extra);
  }

  consume(bytes: number): void {
    this.#stream.consume(bytes);
  }

  reset(code: number): void {
    this.#stream.reset(code);
  }
}
