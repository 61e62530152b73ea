import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { systemTimers, type Timers } from "@heddle/mesh/runtime";
import { type LogLine, parseLogLine } from "./pretty-log.ts";

/** The log of one service. */
export interface LogSource {
  readonly service: string;
  readonly path: string;
}

/** How far a log was read: always to the end of a line. */
export interface LogTail extends LogSource {
  /** Which file it was; 0 before there is one. */
  readonly inode: number;
  readonly offset: number;
}

/** Milliseconds between looks at a file that is followed. */
const POLL_MS = 200;
const CHUNK_BYTES = 256 * 1024;
const NEWLINE = 10;

/** The last `count` lines of several logs that are wanted, by time, and where to go on from. */
export const lastLines = (
  sources: readonly LogSource[],
  count: number,
  wanted: (line: LogLine) => boolean,
): { lines: LogLine[]; tails: LogTail[] } => {
  const read = sources.map((source) => {
    const before = readWhole({ ...source, path: `${source.path}.1` });
    const now = readWhole(source);
    const lines = inTime([...before.lines, ...now.lines].map((text) => parseLogLine(text, source.service)));
    return { tail: now.tail, lines: count === 0 ? [] : lines.filter(({ line }) => wanted(line)).slice(-count) };
  });
  const lines = read.flatMap((log) => log.lines).sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  return {
    lines: lines.slice(Math.max(0, lines.length - count)).map(({ line }) => line),
    tails: read.map(({ tail }) => tail),
  };
};

/** Hands on each line that is added after `tails`, until `signal` aborts. A file that is replaced is read from its start. */
export const followLogs = async (
  tails: readonly LogTail[],
  show: (line: LogLine) => void,
  { timers = systemTimers, signal }: { timers?: Timers; signal?: AbortSignal } = {},
): Promise<void> => {
  let current = tails;
  while (!signal?.aborted) {
    current = current.map((tail) => {
      const { lines, tail: next } = readOn(tail);
      for (const text of lines) show(parseLogLine(text, tail.service));
      return next;
    });
    await timers.sleep(POLL_MS, signal).catch(() => {});
  }
};

/** A line without a time, such as one of a stack, belongs to the line before it. */
const inTime = (lines: readonly LogLine[]): { line: LogLine; time: string }[] => {
  let time = "";
  return lines.map((line) => {
    time = line.time || time;
    return { line, time };
  });
};

const readWhole = (source: LogSource): { lines: string[]; tail: LogTail } =>
  withFile(source.path, (fd, inode) => {
    const bytes = readFileSync(fd);
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    return { lines: split(bytes.subarray(0, end)), tail: { ...source, inode, offset: end } };
  }) ?? { lines: [], tail: { ...source, inode: 0, offset: 0 } };

const readOn = (tail: LogTail): { lines: string[]; tail: LogTail } =>
  withFile(tail.path, (fd, inode, size) => {
    const lines: string[] = [];
    let offset = inode === tail.inode && tail.offset <= size ? tail.offset : 0;
    const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, size - offset));
    while (offset < size) {
      const bytes = chunk.subarray(0, readSync(fd, chunk, 0, chunk.length, offset));
      const end = bytes.lastIndexOf(NEWLINE) + 1;
      // A line that fills a whole chunk is shown in parts; one that is not at its end yet waits for the next look.
      const length = end === 0 && bytes.length === CHUNK_BYTES ? bytes.length : end;
      if (length === 0) break;
      lines.push(...split(bytes.subarray(0, length)));
      offset += length;
    }
    return { lines, tail: { ...tail, inode, offset } };
  }) ?? { lines: [], tail };

const split = (bytes: Buffer): string[] => bytes.toString("utf8").split("\n").filter(Boolean);

/** Runs `read` on an open file; undefined when there is none. */
const withFile = <T>(path: string, read: (fd: number, inode: number, size: number) => T): T | undefined => {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    return undefined;
  }
  try {
    const { ino, size } = fstatSync(fd);
    return read(fd, ino, size);
  } finally {
    closeSync(fd);
  }
};
