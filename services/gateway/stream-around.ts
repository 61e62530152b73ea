import type { HeaderList, HttpStream, StreamHandler } from "@heddle/mesh/wire";

/** A stream that passes everything on to another one; who extends it changes what it must. */
export class StreamAround implements HttpStream {
  protected readonly inner: HttpStream;

  constructor(inner: HttpStream) {
    this.inner = inner;
  }

  get handler(): StreamHandler {
    return this.inner.handler;
  }

  set handler(handler: StreamHandler) {
    this.inner.handler = handler;
  }

  get peer(): string {
    return this.inner.peer;
  }

  get httpVersion(): string {
    return this.inner.httpVersion ?? "2.0";
  }

  get closed(): boolean {
    return this.inner.closed;
  }

  get queuedBytes(): number {
    return this.inner.queuedBytes;
  }

  sendHeaders(headers: HeaderList, extra: readonly string[] | undefined, end: boolean): void {
    this.inner.sendHeaders(headers, extra, end);
  }

  sendData(chunk: Uint8Array, end: boolean, prefix?: Uint8Array): boolean {
    return this.inner.sendData(chunk, end, prefix);
  }

  sendTrailers(trailers: HeaderList, extra: readonly string[] | undefined): void {
    this.inner.sendTrailers(trailers, extra);
  }

  consume(bytes: number): void {
    this.inner.consume(bytes);
  }

  reset(code: number): void {
    this.inner.reset(code);
  }
}
