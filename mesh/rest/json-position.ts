/** Where a text stops being JSON, as a line and a column, both from 1; undefined when it is JSON (RFC 8259). */
export const jsonFault = (text: string): { readonly line: number; readonly column: number } | undefined => {
  const at = new Scanner(text).fault();
  if (at === undefined) return undefined;
  const before = text.slice(0, at);
  return { line: before.split("\n").length, column: at - (before.lastIndexOf("\n") + 1) + 1 };
};

const SPACE = /[ \t\n\r]*/y;
const LITERAL = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** Keeps what is open on a list rather than on the stack, for the text may nest as deeply as it likes. */
class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The offset of the first character that has no place there. */
  fault(): number | undefined {
    const open: ("{" | "[")[] = [];
    for (;;) {
      const opened = this.#value();
      if (opened === undefined) return this.#at;
      if (opened !== "whole") {
        open.push(opened);
        continue;
      }
      // A value has ended; so may what holds it.
      for (;;) {
        const holder = open.at(-1);
        if (holder === undefined) {
          this.#skip(SPACE);
          return this.#at === this.#text.length ? undefined : this.#at;
        }
        if (this.#takes(",")) {
          if (holder === "{" && !this.#key()) return this.#at;
          break;
        }
        if (!this.#takes(holder === "{" ? "}" : "]")) return this.#at;
        open.pop();
      }
    }
  }

  /** Takes a value, or the beginning of one that holds others; undefined where there is none. */
  #value(): "whole" | "{" | "[" | undefined {
    if (this.#takes("{")) {
      if (this.#takes("}")) return "whole";
      return this.#key() ? "{" : undefined;
    }
    if (this.#takes("[")) return this.#takes("]") ? "whole" : "[";
    return this.#string() || this.#skip(LITERAL) ? "whole" : undefined;
  }

  #key(): boolean {
    this.#skip(SPACE);
    return this.#string() && this.#takes(":");
  }

  #takes(char: string): boolean {
    this.#skip(SPACE);
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  /** Stops at the first character that may not be in a string. */
  #string(): boolean {
    if (this.#text[this.#at] !== '"') return false;
    this.#at++;
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === QUOTE) {
        this.#at++;
        return true;
      }
      if (code === BACKSLASH) {
        if (!this.#skip(ESCAPE)) return false;
      } else if (code >= CONTROL_END) this.#at++;
      else return false;
    }
  }

  #skip(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    if (!pattern.test(this.#text)) return false;
    this.#at = pattern.lastIndex;
    return true;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const CONTROL_END = 0x20;
