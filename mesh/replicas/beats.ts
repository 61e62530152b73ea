import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

/** Signs of life of the processes on one store. They are worth nothing after the next one, and never reach a disk on purpose. */
export interface Beats {
  /** Gives a sign of life. Throws when it cannot be seen. */
  beat(instanceId: string): void;
  /** The last one of an instance; undefined where there is none. */
  last(instanceId: string): string | undefined;
  /** Forgets an instance. */
  remove(instanceId: string): void;
}

/** A small file for each instance, written in place: it costs no transaction, no sync, and no growth of any log. */
export const fileBeats = (folder: string): Beats => {
  let own: { readonly instanceId: string; readonly descriptor: number } | undefined;
  let count = 0;
  const fileOf = (instanceId: string) => join(folder, instanceId);
  const open = (instanceId: string): number => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return openSync(fileOf(instanceId), "w", 0o600);
  };
  const close = () => {
    if (own !== undefined) closeSync(own.descriptor);
    own = undefined;
  };
  return {
    beat(instanceId) {
      own ??= { instanceId, descriptor: open(instanceId) };
      count += 1;
      // As long every time, so that a reader never finds half of one.
      writeSync(own.descriptor, count.toString(16).padStart(12, "0"), 0);
    },
    last(instanceId) {
      try {
        return readFileSync(fileOf(instanceId), "latin1");
      } catch {
        return undefined;
      }
    },
    remove(instanceId) {
      if (own?.instanceId === instanceId) close();
      rmSync(fileOf(instanceId), { force: true });
    },
  };
};
