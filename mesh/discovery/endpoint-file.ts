import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { KnownInstance } from "./known-instances.ts";

/** What is kept of instances while their caller does not run. */
export interface EndpointMemory {
  /** What was kept last; nothing where there is none, or it cannot be read. */
  read(): readonly KnownInstance[];
  /** Replaces what is kept, whole or not at all. Throws where that fails. */
  write(instances: readonly KnownInstance[]): void;
}

/** Bytes of the file: 10,000 instances with some services each. A larger one is not ours. */
const FILE_BYTES_MAX = 8 * 1024 * 1024;
const FORMAT = 1;

/**
 * Keeps instances in a file that its owner alone may read, since it tells where everything listens. It is written beside and
 * renamed, so that a reader finds the old or the new one; nothing is lost but a hint when the machine dies in between.
 *
 * `writer`: tells apart the processes that share the folder.
 */
export const endpointFile = (path: string, writer: string): EndpointMemory => ({
  read() {
    try {
      const bytes = readFileSync(path);
      return bytes.length > FILE_BYTES_MAX ? [] : instancesIn(JSON.parse(bytes.toString("utf8")));
    } catch {
      return [];
    }
  },
  write(instances) {
    const text = JSON.stringify({ format: FORMAT, instances });
    if (Buffer.byteLength(text) > FILE_BYTES_MAX) return;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const beside = `${path}.${writer}`;
    writeFileSync(beside, `${text}\n`, { mode: 0o600 });
    renameSync(beside, path);
  },
});

/** The instances of a file; those that are none are left out. */
const instancesIn = (file: unknown): readonly KnownInstance[] => {
  if (!isRecord(file) || file.format !== FORMAT || !Array.isArray(file.instances)) return [];
  return file.instances.filter(isInstance);
};

const isInstance = (value: unknown): value is KnownInstance =>
  isRecord(value) &&
  ["instanceId", "address", "serviceName", "version", "locality"].every((name) => typeof value[name] === "string") &&
  Array.isArray(value.packages) &&
  value.packages.every(
    (offer) =>
      isRecord(offer) &&
      typeof offer.contractHash === "string" &&
      Array.isArray(offer.services) &&
      offer.services.every((service) => typeof service === "string"),
  );

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
