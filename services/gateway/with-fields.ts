import type { HeaderList, HttpStream } from "@heddle/mesh/wire";
import { StreamAround } from "./stream-around.ts";

/** The stream, with `fields` (name and value in turn) on whatever answer is sent by it. */
export const withFields = (stream: HttpStream, fields: readonly string[]): HttpStream =>
  fields.length === 0 ? stream : new StreamWithFields(stream, fields);

class StreamWithFields extends StreamAround {
  readonly #fields: readonly string[];

  constructor(stream: HttpStream, fields: readonly string[]) {
    super(stream);
    this.#fields = fields;
  }

  override sendHeaders(headers: HeaderList, extra: readonly string[] | undefined, end: boolean): void {
    super.sendHeaders(headers, extra === undefined ? this.#fields : [...extra, ...this.#fields], end);
  }
}
