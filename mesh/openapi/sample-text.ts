import { matchPattern } from "../contract/match-pattern.ts";

/** Characters of a sample that a pattern asks for by a number of repetitions. */
const REPEAT_MAX = 256;
/** Characters of a pattern, and of a sample: patterns come from elsewhere, and repetitions within each other multiply. */
const PATTERN_CHARS_MAX = 1_000;
const SAMPLE_CHARS_MAX = 4_096;

/**
 * A text that a regular expression matches: always the same for the same one. Undefined for what is not among the common parts of
 * RE2: literals, classes, groups, alternatives, repetitions and anchors at the ends.
 */
export const sampleOf = (pattern: string): string | undefined => {
  if (pattern.length > PATTERN_CHARS_MAX) return undefined;
  const reader = new PatternReader(pattern);
  try {
    const text = reader.alternatives();
    if (text === undefined || !reader.isAtEnd) return undefined;
    return matchPattern(pattern, text) ? text : undefined;
  } catch {
    // RE2 refuses the pattern, or a class of it.
    return undefined;
  }
};

const ESCAPED: Readonly<Record<string, string>> = { d: "0", w: "a", s: " ", n: "\n", t: "\t" };

class PatternReader {
  readonly #pattern: string;
  #at = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#pattern.length;
  }

  /** The first alternative that is not empty; undefined where something is not understood. */
  alternatives(): string | undefined {
    let found: string | undefined;
    do {
      const text = this.#sequence();
      if (text === undefined) return undefined;
      if (found === undefined || found === "") found = text;
    } while (this.#takes("|"));
    return found;
  }

  #sequence(): string | undefined {
    let text = "";
    while (!this.isAtEnd && this.#peek() !== "|" && this.#peek() !== ")") {
      if (this.#takes("^") || this.#takes("$")) continue;
      const one = this.#atom();
      if (one === undefined) return undefined;
      text += one.repeat(this.#times());
      if (text.length > SAMPLE_CHARS_MAX) return undefined;
    }
    return text;
  }

  #atom(): string | undefined {
    const char = this.#next();
    if (char === "(") {
      if (this.#takes("?") && !this.#takes(":")) return undefined;
      const text = this.alternatives();
      return this.#takes(")") ? text : undefined;
    }
    if (char === "[") return this.#class();
    if (char === ".") return "a";
    return char === "\\" ? escaped(this.#next()) : char;
  }

  /** The first character of a class, or one that a negated class leaves. */
  #class(): string | undefined {
    const isNegated = this.#takes("^");
    const start = this.#at;
    let first: string | undefined;
    while (this.#at === start || this.#peek() !== "]") {
      if (this.isAtEnd) return undefined;
      const char = this.#next();
      const one = char === "\\" ? escaped(this.#next()) : char;
      first ??= one;
    }
    const body = this.#pattern.slice(start, this.#at);
    this.#at++;
    if (!isNegated) return first;
    return ["a", "0", "-", " "].find((candidate) => !matchPattern(`[${body}]`, candidate));
  }

  /** How often the last atom is repeated: once, or as often as it must. */
  #times(): number {
    let times = 1;
    const [, least, bound] = /^\{(\d+)(,\d*)?\}/.exec(this.#pattern.slice(this.#at)) ?? [];
    if (least !== undefined) {
      this.#at += least.length + (bound?.length ?? 0) + 2;
      // A sample says more when it is not empty.
      times = Number(least) === 0 && bound !== undefined && bound !== ",0" ? 1 : Number(least);
    } else if (this.#takes("?")) times = 0;
    else if (!this.#takes("*")) this.#takes("+");
    this.#takes("?");
    return Math.min(times, REPEAT_MAX);
  }

  #peek(): string | undefined {
    return this.#pattern[this.#at];
  }

  #next(): string {
    return this.#pattern[this.#at++] ?? "";
  }

  #takes(char: string): boolean {
    if (this.#peek() !== char) return false;
    this.#at++;
    return true;
  }
}

const escaped = (char: string): string | undefined =>
  ESCAPED[char] ?? (/[A-Za-z0-9]/.test(char) ? undefined : char || undefined);
