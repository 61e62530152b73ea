/** One system call of a trace by `strace -f -yy -xx`, as it began or as it returned. */
export interface TracedCall {
  readonly name: string;
  /** What the descriptor leads to: a path, or such as `TCP:[127.0.0.1:1->127.0.0.1:2]`. */
  readonly target: string;
  /** All bytes that it wrote, as latin1. */
  readonly data: string;
  /** The last two numbers: of pwrite64 its bytes and its offset. */
  readonly numbers: readonly number[];
  /** "both" when nothing came between. */
  readonly moment: "begin" | "end" | "both";
}

/** Reads what `strace` wrote, in the order in which things happened; calls that failed are left out. */
export const parseTrace = (text: string): TracedCall[] => {
  const begun = new Map<string, Omit<TracedCall, "moment">>();
  const calls: TracedCall[] = [];
  for (const line of text.split("\n")) {
    const [, thread = "", rest = ""] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    const resumed = /^<\.\.\. (\w+) resumed>.*= (-?\d+)/.exec(rest);
    if (resumed !== null) {
      const call = begun.get(thread);
      begun.delete(thread);
      if (call !== undefined && Number(resumed[2]) >= 0) calls.push({ ...call, moment: "end" });
      continue;
    }
    const called = /^(\w+)\((?:\d+<([^>]*(?:->[^>]*)?)>)?/.exec(rest);
    if (called === null) continue;
    const data = [...rest.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, hex = ""]) => unescaped(hex)).join("");
    const bare = rest.replaceAll(/"[^"]*"/g, "");
    const numbers = [...bare.matchAll(/, (\d+)/g)].map(([, digits]) => Number(digits)).slice(-2);
    const call = { name: called[1] ?? "", target: unescaped(called[2] ?? ""), data, numbers };
    if (rest.endsWith("<unfinished ...>")) {
      begun.set(thread, call);
      calls.push({ ...call, moment: "begin" });
    } else if (!/= -1 /.test(bare)) {
      calls.push({ ...call, moment: "both" });
    }
  }
  return calls;
};

/** What `-xx` makes `\\x2f`. */
const unescaped = (text: string): string =>
  text.replaceAll(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

const begins = ({ moment }: TracedCall): boolean => moment !== "end";
const ends = ({ moment }: TracedCall): boolean => moment !== "begin";
const isSync = ({ name }: TracedCall): boolean => name === "fdatasync" || name === "fsync";
const isSend = (call: TracedCall): boolean => call.target.startsWith("TCP") && begins(call);

/** What left by a socket with one of `ids` in it before a sync had returned that began after the id was in the log. */
export const sentBeforeSynced = (calls: readonly TracedCall[], log: string, ids: readonly string[]) => {
  const logged = new Set<string>();
  let covered: string[] = [];
  const durable = new Set<string>();
  const sent = new Set<string>();
  const early = new Set<string>();
  for (const call of calls) {
    if (call.target === log && isSync(call)) {
      if (begins(call)) covered = [...logged];
      if (ends(call)) for (const id of covered) durable.add(id);
    } else if (call.target === log && call.name === "pwrite64" && ends(call)) {
      for (const id of ids) if (call.data.includes(id)) logged.add(id);
    } else if (isSend(call)) {
      for (const id of ids) {
        if (!call.data.includes(id)) continue;
        sent.add(id);
        if (!durable.has(id)) early.add(id);
      }
    }
  }
  return { logged, sent, early };
};

const SECTOR_BYTES = 512;

/** The files of a machine whose power is cut: what was synced is there; of what was written since, any sectors. */
export class CuttableDisk {
  readonly #synced = new Map<string, Buffer>();
  readonly #pending = new Map<string, { readonly offset: number; readonly bytes: Buffer }[]>();

  /** Does to the files what the call did. */
  apply(call: TracedCall): void {
    const { name, target, numbers } = call;
    if (name === "pwrite64" && begins(call)) {
      const offset = numbers.at(-1) ?? 0;
      this.#of(target).push({ offset, bytes: Buffer.from(call.data, "latin1") });
    } else if (name === "ftruncate" && ends(call)) {
      this.#settle(target);
      const before = this.#synced.get(target) ?? Buffer.alloc(0);
      this.#synced.set(target, resized(before, numbers.at(-1) ?? 0));
    } else if (isSync(call) && ends(call)) {
      this.#settle(target);
    }
  }

  /** What a file holds once the power is back. */
  afterCut(file: string, random: () => number): Buffer {
    const share = random();
    return this.#image(file, () => random() < share);
  }

  #image(file: string, isKept: () => boolean): Buffer {
    let image: Buffer = Buffer.from(this.#synced.get(file) ?? []);
    for (const { offset, bytes } of this.#of(file)) {
      for (let at = 0; at < bytes.length; at += SECTOR_BYTES) {
        if (!isKept()) continue;
        const sector = bytes.subarray(at, at + SECTOR_BYTES);
        image = resized(image, Math.max(image.length, offset + at + sector.length));
        sector.copy(image, offset + at);
      }
    }
    return image;
  }

  #of(file: string) {
    const pending = this.#pending.get(file) ?? [];
    this.#pending.set(file, pending);
    return pending;
  }

  #settle(file: string): void {
    this.#synced.set(
      file,
      this.#image(file, () => true),
    );
    this.#pending.delete(file);
  }
}

const resized = (bytes: Buffer, length: number): Buffer => {
  const copy = Buffer.alloc(length);
  bytes.copy(copy);
  return copy;
};
