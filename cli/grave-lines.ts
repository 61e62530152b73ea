import { atLeast, type LogLine, parseLogLine } from "./pretty-log.ts";

/** A line longer than this is shown in parts. */
const LINE_BYTES_MAX = 64 * 1024;

/** Finds the warnings and errors in a stream of output. */
export interface GraveLines {
  /** Takes the next bytes. */
  push(chunk: Buffer): void;
  /** Takes the rest for a line. */
  end(): void;
}

/**
 * Hands on those lines of `service`'s standard output that are at least warnings, or every line of its standard error. A busy service
 * writes thousands of lines a second that nobody wants to see here, so bytes are searched before they are split.
 */
export const graveLines = (
  stream: "stdout" | "stderr",
  service: string,
  onLine: (line: LogLine) => void,
): GraveLines => {
  let rest: Buffer = Buffer.alloc(0);
  const show = (bytes: Buffer): void => {
    const text = bytes.toString("utf8").trimEnd();
    if (text === "") return;
    const line = parseLogLine(text, service);
    if (stream === "stderr" || atLeast(line, "warn")) onLine(line);
  };
  return {
    push(chunk) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const whole = bytes.lastIndexOf(NEWLINE) + 1;
      if (whole > 0 && (stream === "stderr" || mayHoldGrave(bytes.subarray(0, whole)))) {
        for (let start = 0; start < whole; ) {
          const end = bytes.indexOf(NEWLINE, start) + 1;
          show(bytes.subarray(start, end));
          start = end;
        }
      }
      rest = Buffer.from(bytes.subarray(whole));
      if (rest.length > LINE_BYTES_MAX) this.end();
    },
    end() {
      show(rest);
      rest = Buffer.alloc(0);
    },
  };
};

const NEWLINE = 10;
const MARKS = ['"level":"warn"', '"level":"error"', '"level":"fatal"'];

const mayHoldGrave = (bytes: Buffer): boolean => MARKS.some((mark) => bytes.includes(mark));
