import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { Failure } from "../failure.ts";
import type { PackageFiles } from "./bundle.ts";
import { type ArchivedFile, readTar, TarError, writeTar } from "./tar.ts";

/** The script of a package that runs its service. */
export const ENTRY_FILE = "main.js";
/** What a package says of itself: the first file in it. */
export const MANIFEST_FILE = "manifest.json";
/** The SQL statements that its code uses, by which a later release's migrations are checked. */
export const STATEMENTS_FILE = "statements.json";

/** What a package holds, and what it needs. */
export interface PackageManifest {
  readonly format: 1;
  readonly service: string;
  /** The version of the service's package, such as `1.4.0`. */
  readonly version: string;
  /** The major version of the Node that it was bundled for. */
  readonly nodeMajor: number;
  /** For which SQLite's binding is in it, such as `linux-x64`. */
  readonly platform: string;
  readonly contracts: readonly PackagedContract[];
  readonly migrations: readonly PackagedMigrations[];
  /** All other files, by path. */
  readonly files: readonly PackagedFile[];
}

/** A contract that the service serves. */
export interface PackagedContract {
  /** With its version, such as `order.v1`. */
  readonly package: string;
  /** SHA-256 of the descriptor set, in hex. */
  readonly hash: string;
  /** The serialized google.protobuf.FileDescriptorSet. */
  readonly file: string;
}

/** The migrations that the code brings its database to. */
export interface PackagedMigrations {
  readonly owner: "heddle" | "service";
  readonly folder: string;
  readonly names: readonly string[];
}

export interface PackagedFile {
  readonly path: string;
  readonly bytes: number;
  /** In hex. */
  readonly sha256: string;
}

/** A package whose files are what its manifest says. */
export interface ReadPackage {
  readonly manifest: PackageManifest;
  /** `<version>+<the beginning of the manifest's hash>`: two packages of one release are the same, byte by byte. */
  readonly release: string;
  readonly files: readonly ArchivedFile[];
}

/** Bytes of a package, and of what is in it, at most: a service with its binding takes 10 MB. */
export const PACKAGE_BYTES_MAX = 64 * 1024 * 1024;
const UNPACKED_BYTES_MAX = 256 * 1024 * 1024;
const FILES_MAX = 4_096;
/** Digits of the hash in the name of a release. */
const RELEASE_HASH_CHARS = 12;

/** What Node and which machine this is. */
export const thisPlatform = (): Pick<PackageManifest, "nodeMajor" | "platform"> => ({
  nodeMajor: Number(process.versions.node.split(".")[0]),
  platform: `${process.platform}-${process.arch}`,
});

/** A package as bytes: the same for the same content. */
export const writePackage = (
  about: Omit<PackageManifest, "format" | "files">,
  content: PackageFiles,
): { readonly archive: Buffer; readonly release: string } => {
  const sorted = [...content].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, bytes]) => ({ path, bytes }));
  const files = sorted.map(({ path, bytes }) => ({ path, bytes: bytes.length, sha256: sha256(bytes) }));
  const manifest = Buffer.from(`${JSON.stringify({ format: 1, ...about, files }, undefined, 2)}\n`);
  const archive = gzipSync(writeTar([{ path: MANIFEST_FILE, bytes: manifest }, ...sorted]), { level: 9 });
  return { archive, release: releaseOf(about.version, manifest) };
};

/**
 * Reads a package, and holds every file in it against its manifest.
 *
 * @throws Failure when it is none, or was changed.
 */
export const readPackage = (archive: Uint8Array): ReadPackage => {
  const [first, ...files] = unpack(archive);
  const manifest = first?.path === MANIFEST_FILE ? parseManifest(first.bytes) : undefined;
  if (first === undefined || manifest === undefined)
    throw notPackage("it has no manifest that this heddle understands");
  const promised = new Map(manifest.files.map((file) => [file.path, file]));
  for (const { path, bytes } of files) {
    const is = promised.get(path);
    if (is === undefined) throw notPackage(`its manifest does not name ${path}, or it holds it twice`);
    if (is.bytes !== bytes.length || is.sha256 !== sha256(bytes)) throw notPackage(`${path} was changed`);
    promised.delete(path);
  }
  const [missing] = promised.keys();
  if (missing !== undefined) throw notPackage(`${missing} is missing`);
  return { manifest, release: releaseOf(manifest.version, first.bytes), files: [first, ...files] };
};

const unpack = (archive: Uint8Array): ArchivedFile[] => {
  try {
    return readTar(gunzipSync(archive, { maxOutputLength: UNPACKED_BYTES_MAX }), FILES_MAX);
  } catch (error) {
    if (error instanceof TarError) throw notPackage(error.message);
    throw notPackage((error as Error).message);
  }
};

const parseManifest = (bytes: Uint8Array): PackageManifest | undefined => {
  try {
    const value = JSON.parse(Buffer.from(bytes).toString("utf8")) as PackageManifest;
    return isManifest(value) ? value : undefined;
  } catch {
    return undefined;
  }
};

const isManifest = (value: PackageManifest | null): boolean =>
  value !== null &&
  typeof value === "object" &&
  value.format === 1 &&
  /^[a-z][a-z0-9]{1,30}$/.test(value.service) &&
  /^\d[0-9A-Za-z.-]{0,62}$/.test(value.version) &&
  !value.version.includes("..") &&
  Number.isInteger(value.nodeMajor) &&
  typeof value.platform === "string" &&
  [value.contracts, value.migrations, value.files].every(Array.isArray) &&
  value.files.every((file) => typeof file?.path === "string") &&
  value.contracts.every((each) => isNamed(value, each?.file) && typeof each.package === "string") &&
  value.migrations.every((each) => typeof each?.folder === "string" && !each.folder.includes("..")) &&
  isNamed(value, ENTRY_FILE) &&
  isNamed(value, STATEMENTS_FILE);

const isNamed = ({ files }: PackageManifest, path: string): boolean => files.some((file) => file.path === path);

const releaseOf = (version: string, manifest: Uint8Array): string =>
  `${version}+${sha256(manifest).slice(0, RELEASE_HASH_CHARS)}`;

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

const notPackage = (why: string): Failure =>
  new Failure(`This is no package of heddle: ${why}.`, { next: "heddle pack <service> makes one." });
