/**
 * What other processes have committed to the same file. SQLite shows a commit to everybody at once, and the process that made it syncs
 * a moment later: an answer that may rest on such a commit waits for a sync of this process's own.
 */
export class ForeignCommits {
  readonly #version: () => number;
  readonly #sync: () => Promise<void>;
  /** The version that a sync has covered. */
  #durable: number;
  /** The sync that was asked for last. */
  #last: { readonly version: number; readonly done: Promise<void> } | undefined;
  /** The version that was looked at last. */
  #noticed: number;

  /** `version`: a number that changes with each commit of others that can be seen. What there is by now must be on the disk. */
  constructor(deps: { readonly version: () => number; readonly sync: () => Promise<void> }) {
    this.#version = deps.version;
    this.#sync = deps.sync;
    this.#durable = this.#noticed = deps.version();
  }

  /** A number that changes with each of their commits. */
  get version(): number {
    return this.#version();
  }

  /** True when something can be seen that is not known to be on the disk. */
  get undurable(): boolean {
    return this.#version() !== this.#durable;
  }

  /** Makes durable all that can be seen now, and what this process has committed. Rejects as the sync does. */
  sync(): Promise<void> {
    const version = this.#version();
    const done = this.#sync().then(() => {
      this.#durable = version;
    });
    this.#last = { version, done };
    return done;
  }

  /** The same for what others have committed alone: a sync that is under way, or about to begin, may cover it. */
  syncSeen(): Promise<void> {
    return this.#last?.version === this.#version() ? this.#last.done : this.sync();
  }

  /** True when others have committed since it was asked last. */
  notice(): boolean {
    const version = this.#version();
    const changed = version !== this.#noticed;
    this.#noticed = version;
    return changed;
  }
}
