import sonicBoom, { type SonicBoomOpts } from "sonic-boom";
import { BUFFER_BYTES } from "./call-lines.ts";

/** Where lines go. */
export interface Output {
  write(text: string): void;
  /** Takes the bytes as its own. */
  writeBytes(bytes: Uint8Array): void;
  /** Writes out what it still holds, before it returns. */
  flush(): void;
}

/** Milliseconds that text may wait to be written. */
const BUFFERED_MS = 50;

/** Bytes that wait to be written; lines that come beyond are dropped. */
export const WAITING_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Tries in a row, 100 ms apart, to write where there is no room: a reader that has stopped must not keep a process from its end. It does
 * where the descriptor blocks, as a pipe does unless somebody has made it not to.
 */
const TRIES_MAX = 10;

/**
 * Standard output, written beside the event loop. It takes bytes as they are: as text they would be turned back and forth. Where nobody
 * reads any more, nothing is written any more. `onDropped`: so many lines were dropped, and there is room again.
 */
export const standardOutput = (onDropped: (count: number) => void): Output => {
  const options: SonicBoomOpts & { maxWriteRetries: number } = {
    fd: 1,
    sync: false,
    contentMode: "buffer",
    minLength: BUFFER_BYTES,
    // So that each buffer of lines is written as it is: two would be copied into one.
    maxWrite: BUFFER_BYTES + 1,
    maxLength: WAITING_BYTES_MAX,
    maxWriteRetries: TRIES_MAX,
    periodicFlush: BUFFERED_MS,
  };
  const stream = new sonicBoom.SonicBoom(options);
  let isRead = true;
  let dropped = 0;
  // Of whatever else failed, a full disk say, nothing is lost: the next write tries it again.
  const failed = ({ code }: NodeJS.ErrnoException) => {
    if (code !== "EPIPE") return;
    isRead = false;
    stream.destroy();
  };
  stream.on("error", failed);
  stream.on("drop", (bytes: Uint8Array) => {
    dropped += linesIn(bytes);
  });
  stream.on("drain", () => {
    if (dropped === 0) return;
    const count = dropped;
    dropped = 0;
    onDropped(count);
  });
  const writeBytes = (bytes: Uint8Array): void => {
    // In this mode it takes bytes alone, which its types do not say.
    if (isRead) stream.write(bytes as unknown as string);
  };
  const flush = (): void => {
    if (!isRead) return;
    try {
      stream.flushSync();
    } catch (error) {
      failed(error as NodeJS.ErrnoException);
    }
  };
  return { write: (text) => writeBytes(Buffer.from(text)), writeBytes, flush };
};

const linesIn = (bytes: Uint8Array): number => {
  let count = 0;
  for (let at = bytes.indexOf(LINE_END); at !== -1; at = bytes.indexOf(LINE_END, at + 1)) count++;
  return count;
};

const LINE_END = 0x0a;
