import type { FieldVerdict } from "./field-rules.ts";

/**
 * A header or trailer section in the order of the wire: name, value, name, value, … Names are lower case, pseudo-headers come
 * first. A character stands for one byte (Latin-1), as HTTP has it.
 *
 * Lists are immutable. The decoder hands out the same object again for the same block on the same connection, and the encoder
 * remembers what a list became: a list that is used again costs next to nothing.
 */
export class HeaderList {
  readonly fields: readonly string[];
  /** What a layer above has derived from this list, such as the method that its path names. Belongs to that layer. */
  memo: unknown = undefined;
  /** What `checkFields` found out, kept with the list: a list that is used again is not checked again. */
  verdict: FieldVerdict | undefined = undefined;

  constructor(fields: readonly string[]) {
    this.fields = fields;
  }

  /** The first value of a header, or undefined. */
  get(name: string): string | undefined {
    const { fields } = this;
    for (let index = 0; index < fields.length; index += 2) {
      if (fields[index] === name) return fields[index + 1];
    }
    return undefined;
  }

  /** A list from an object; a value that is undefined is left out. */
  static of(fields: Readonly<Record<string, string | undefined>>): HeaderList {
    return new HeaderList(
      Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [name, value])),
    );
  }
}
