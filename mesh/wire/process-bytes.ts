/** A connection as the process's memory sees it. */
export interface Holder {
  /** Bytes that it holds in output, queues, unread bodies and the headers of open streams. */
  readonly heldBytes: number;
  /** What of them was counted last. Belongs to the account. */
  accountedBytes: number;
  /** Ends it. */
  overflow(): void;
}

const holders = new Set<Holder>();
let total = 0;

/** Bytes that all connections of the process hold together. */
export const processBytes = (): number => total;

/** Counts a connection in. */
export const hold = (holder: Holder): void => void holders.add(holder);

/** Counts a connection out. */
export const release = (holder: Holder): void => {
  if (!holders.delete(holder)) return;
  total -= holder.accountedBytes;
  holder.accountedBytes = 0;
};

/** Brings the account of a connection up to date. Over the bound the one that holds most is ended, whoever asked last. */
export const account = (holder: Holder, bytesMax: number): void => {
  const held = holder.heldBytes;
  if (held === holder.accountedBytes) return;
  total += held - holder.accountedBytes;
  holder.accountedBytes = held;
  while (total > bytesMax) {
    const before = total;
    largest()?.overflow();
    if (total >= before) return;
  }
};

const largest = (): Holder | undefined => {
  let found: Holder | undefined;
  for (const holder of holders) {
    if (found === undefined || holder.accountedBytes > found.accountedBytes) found = holder;
  }
  return found;
};
