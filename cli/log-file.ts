import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** A log on disk; when it reaches this size it is moved to `<path>.1`, over the one before. */
export const LOG_FILE_BYTES_MAX = 16 * 1024 * 1024;

/** Appends to a file whose size is bounded: at most two files of `bytesMax` and one chunk. */
export interface LogFile {
  /** Appends. A rotation waits for the end of a line. What the disk has no room for is lost, and never an error. */
  write(chunk: string | Uint8Array): void;
  close(): void;
}

/** Opens the log at `path`, makes its folder, and appends to what is there. */
export const openLogFile = (path: string, { bytesMax = LOG_FILE_BYTES_MAX }: { bytesMax?: number } = {}): LogFile => {
  mkdirSync(dirname(path), { recursive: true });
  let fd = openSync(path, "a", 0o600);
  let size = fstatSync(fd).size;
  let lineEnded = true;
  const rotate = (): void => {
    renameSync(path, `${path}.1`);
    const full = fd;
    fd = openSync(path, "a", 0o600);
    size = 0;
    closeSync(full);
  };
  return {
    write(chunk) {
      const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
      if (bytes.length === 0) return;
      try {
        if (lineEnded && size > 0 && size + bytes.length > bytesMax) rotate();
        for (let offset = 0; offset < bytes.length; ) offset += writeSync(fd, bytes, offset);
        size += bytes.length;
      } catch {
        // A full disk must not end the mesh that wanted to write about it.
      }
      lineEnded = bytes[bytes.length - 1] === NEWLINE;
    },
    close: () => closeSync(fd),
  };
};

const NEWLINE = 10;
