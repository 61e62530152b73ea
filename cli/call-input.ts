import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { usageFailure } from "./failure.ts";

/**
 * The JSON values of `-d`: the text itself, `@file`, or `-` for standard input, each value whole as soon as it has arrived.
 * Throws a usage failure when the file cannot be read.
 */
export async function* jsonValues(data: string, stdin: Readable = process.stdin): AsyncGenerator<string> {
  const split = createJsonSplitter();
  for await (const part of partsOf(data, stdin)) yield* split.push(part);
  yield* split.end();
}

async function* partsOf(data: string, stdin: Readable): AsyncGenerator<string> {
  if (data !== "-" && !data.startsWith("@")) {
    yield data;
    return;
  }
  const source = data === "-" ? stdin.setEncoding("utf8") : createReadStream(data.slice(1), "utf8");
  try {
    yield* source;
  } catch (error) {
    throw usageFailure(
      `${data === "-" ? "Standard input" : data.slice(1)} cannot be read: ${(error as Error).message}.`,
      "-d takes JSON, @file or - for standard input.",
    );
  }
}

/** Cuts JSON values, one after the other, out of a text that arrives in parts. */
export interface JsonSplitter {
  /** Takes the next part; returns the values that are whole now. */
  push(part: string): string[];
  /** Returns what is left, whole or not: the parser says what is wrong with it. */
  end(): string[];
}

/** A splitter; values may stand side by side, or have white space between them. It does not check them. */
export const createJsonSplitter = (): JsonSplitter => {
  let text = "";
  let at = 0;
  let depth = 0;
  let quoted = false;
  let escaped = false;

  const push = (part: string): string[] => {
    text += part;
    const values: string[] = [];
    let start = 0;
    const cut = (end: number): void => {
      const value = text.slice(start, end).trim();
      if (value !== "") values.push(value);
      start = end;
      depth = 0;
    };
    for (; at < text.length; at++) {
      const char = text[at];
      if (quoted) {
        if (escaped) escaped = false;
        else if (char === "\\") escaped = true;
        else if (char === '"') {
          quoted = false;
          if (depth === 0) cut(at + 1);
        }
      } else if (char === '"') quoted = true;
      else if (char === "{" || char === "[") depth++;
      else if (char === "}" || char === "]") {
        if (--depth <= 0) cut(at + 1);
      } else if (depth === 0 && (char === " " || char === "\n" || char === "\r" || char === "\t")) cut(at);
    }
    text = text.slice(start);
    at = text.length;
    return values;
  };

  return {
    push,
    end() {
      const rest = text.trim();
      text = "";
      at = 0;
      return rest === "" ? [] : [rest];
    },
  };
};
