/** A file of an archive. Its path is relative, with forward slashes. */
export interface ArchivedFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** An archive that is not of the few kinds that `writeTar` makes. */
export class TarError extends Error {}

const BLOCK = 512;
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;

/** Where the fields of a header stand (POSIX.1-1988 ustar): offset and length in bytes. */
const FIELD = {
  name: [0, NAME_BYTES],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  magic: [257, 8],
  prefix: [345, PREFIX_BYTES],
} as const;

/**
 * An archive that any tar reads (ustar). The same files in the same order give the same bytes: no times, no owners.
 *
 * @throws TarError for a path that has no room in a header.
 */
export const writeTar = (files: readonly ArchivedFile[]): Buffer => {
  const blocks: Uint8Array[] = [];
  for (const { path, bytes } of files) {
    blocks.push(headerOf(path, bytes.length), bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK));
  }
  blocks.push(Buffer.alloc(2 * BLOCK));
  return Buffer.concat(blocks);
};

/**
 * The files of an archive that `writeTar` made. Anything else in it, such as a link, a folder, or a path that is not plainly below the
 * folder in which it would be unpacked, is refused.
 *
 * @throws TarError
 */
export const readTar = (archive: Buffer, filesMax: number): ArchivedFile[] => {
  const files: ArchivedFile[] = [];
  let offset = 0;
  for (;;) {
    const header = archive.subarray(offset, offset + BLOCK);
    if (header.length < BLOCK) throw new TarError("it ends in the middle");
    if (header.every((byte) => byte === 0)) return files;
    if (files.length === filesMax) throw new TarError(`it holds more than ${filesMax} files`);
    const { path, size } = readHeader(header);
    const start = offset + BLOCK;
    if (start + size > archive.length) throw new TarError(`${path} ends in the middle`);
    files.push({ path, bytes: archive.subarray(start, start + size) });
    offset = start + Math.ceil(size / BLOCK) * BLOCK;
  }
};

const headerOf = (path: string, size: number): Buffer => {
  const header = Buffer.alloc(BLOCK);
  const put = ([at, length]: readonly [number, number], text: string) => header.write(text, at, length, "utf8");
  const cut = Buffer.byteLength(path) <= NAME_BYTES ? -1 : path.lastIndexOf("/", PREFIX_BYTES);
  const name = path.slice(cut + 1);
  if (!isPlainPath(path) || Buffer.byteLength(name) > NAME_BYTES)
    throw new TarError(`${path} has no room in an archive`);
  put(FIELD.name, name);
  if (cut > 0) put(FIELD.prefix, path.slice(0, cut));
  put(FIELD.mode, octal(0o644, 7));
  put(FIELD.uid, octal(0, 7));
  put(FIELD.gid, octal(0, 7));
  put(FIELD.size, octal(size, 11));
  put(FIELD.mtime, octal(0, 11));
  put(FIELD.type, "0");
  put(FIELD.magic, "ustar\u000000");
  put(FIELD.checksum, `${octal(checksumOf(header), 6)}\0 `);
  return header;
};

const readHeader = (header: Buffer): { readonly path: string; readonly size: number } => {
  const text = ([at, length]: readonly [number, number]): string => {
    const field = header.toString("latin1", at, at + length);
    const end = field.indexOf("\0");
    return end < 0 ? field : field.slice(0, end);
  };
  const number = (field: readonly [number, number]): number => {
    const digits = text(field).trim();
    if (!/^[0-7]{1,11}$/.test(digits)) throw new TarError("a header of it cannot be read");
    return Number.parseInt(digits, 8);
  };
  if (number(FIELD.checksum) !== checksumOf(header)) throw new TarError("a header of it was changed");
  const prefix = text(FIELD.prefix);
  const path = prefix === "" ? text(FIELD.name) : `${prefix}/${text(FIELD.name)}`;
  if (text(FIELD.type) !== "0" || !isPlainPath(path)) throw new TarError(`it holds what no package does: ${path}`);
  return { path, size: number(FIELD.size) };
};

/** Relative, and in no folder but those that it names. */
const isPlainPath = (path: string): boolean =>
  /^[\w@+#-][\w@.+#-]*(\/[\w@+#-][\w@.+#-]*)*$/.test(path) && path.length <= NAME_BYTES + PREFIX_BYTES;

/** The sum of a header's bytes, with its own place as spaces. */
const checksumOf = (header: Buffer): number => {
  const [at, length] = FIELD.checksum;
  let sum = length * 0x20;
  for (const [index, byte] of header.entries()) if (index < at || index >= at + length) sum += byte;
  return sum;
};

const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, "0");
