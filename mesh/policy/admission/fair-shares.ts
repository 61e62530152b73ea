import { ACCOUNTS_MAX } from "./limits.ts";

/** One caller's calls of one priority. */
export interface Account {
  /** The part of its calls that may pass, 0 to 1. */
  share: number;
}

interface Kept extends Account {
  /** Calls since the last reckoning, those among them that were shed. */
  asked: number;
  /** Calls a second, smoothed. */
  demand: number;
}

/**
 * Who gets how much of what there is: higher priorities before lower ones, and within one the callers alike, so that nobody gets
 * more than another who wants more (max-min fairness). What somebody leaves over goes to the others.
 */
export class FairShares {
  /** By priority, the highest first. */
  readonly #ranks: readonly Rank[];

  /** `ranks`: how many priorities there are. */
  constructor(ranks: number) {
    this.#ranks = Array.from({ length: ranks }, () => new Rank());
  }

  /** Counts a call of a caller, by name; `rank` 0 is the highest. Who has not called before may, where its rank may at all. */
  asks(rank: number, name: string): Account {
    return (this.#ranks[rank] as Rank).asks(name);
  }

  /** Callers that are told apart. */
  get size(): number {
    return this.#ranks.reduce((sum, { size }) => sum + size, 0);
  }

  /** Reckons the shares of the calls to come by those of the last so many seconds, of which `capacity` could have passed. */
  reckon(capacity: number, seconds: number): void {
    let left = capacity / seconds;
    for (const rank of this.#ranks) left -= rank.divide(Math.max(0, left), seconds);
  }

  /** Forgets everybody: there is enough for all. */
  clear(): void {
    for (const rank of this.#ranks) rank.clear();
  }
}

class Rank {
  readonly #accounts = new Map<string, Kept>();
  #newcomersShare = 1;

  get size(): number {
    return this.#accounts.size;
  }

  asks(name: string): Account {
    let account = this.#accounts.get(name);
    if (account === undefined) {
      // Names are the callers' choice where addresses are.
      const key = this.#accounts.size < ACCOUNTS_MAX ? name : OTHERS;
      account = this.#accounts.get(key) ?? { asked: 0, demand: 0, share: this.#newcomersShare };
      this.#accounts.set(key, account);
    }
    account.asked++;
    return account;
  }

  /** `capacity`: calls a second. Returns how much of it is taken. */
  divide(capacity: number, seconds: number): number {
    const demands: number[] = [];
    for (const [name, account] of this.#accounts) {
      if (account.asked === 0 && account.demand < 1) {
        this.#accounts.delete(name);
        continue;
      }
      const asked = account.asked / seconds;
      account.demand = account.demand === 0 ? asked : (account.demand + asked) / 2;
      account.asked = 0;
      demands.push(account.demand);
    }
    const level = waterLevel(demands, capacity);
    let taken = 0;
    for (const account of this.#accounts.values()) {
      account.share = Math.min(1, level / account.demand);
      taken += Math.min(account.demand, level);
    }
    this.#newcomersShare = level > 0 ? 1 : 0;
    return taken;
  }

  clear(): void {
    this.#accounts.clear();
    this.#newcomersShare = 1;
  }
}

/** The account of those who are too many to be told apart; no caller's name is empty. */
const OTHERS = "";

/** What each gets at most so that together they get `capacity`: Infinity where there is enough for all. */
export const waterLevel = (demands: readonly number[], capacity: number): number => {
  let left = capacity;
  let waiting = demands.length;
  for (const demand of demands.toSorted((a, b) => a - b)) {
    // The least demanding are served in full for as long as an equal part is enough for them.
    if (demand > left / waiting) return left / waiting;
    left -= demand;
    waiting--;
  }
  return Number.POSITIVE_INFINITY;
};
