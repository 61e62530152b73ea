import { create } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { type Comparison, ComparisonSchema } from "@heddle/contracts/heddle/traffic/v1";
import type { Clock } from "@heddle/mesh/runtime";
import type { AnswerDifference } from "./compare-answers.ts";
import { COMPARED_METHODS_MAX, DIFFERENCES_MAX } from "./limits.ts";

/** What is compared: the calls of a method, with a version of their service. */
export interface Compared {
  /** The service's name, such as `order`. */
  readonly service: string;
  readonly version: string;
  /** Such as `order.v1.OrderService/GetOrder`. */
  readonly method: string;
}

/** How mirrored versions answer: counts, kept in memory. */
export interface Comparisons {
  /** A copy was compared. */
  compared(what: Compared, differences: readonly AnswerDifference[]): void;
  /** A copy was not made, or says nothing. */
  skipped(what: Compared): void;
  /** By service, method and version; of one service where it is given. */
  list(service: string): Comparison[];
  /** Forgets what is not `wanted`. */
  keep(wanted: (what: Compared) => boolean): void;
}

interface Tally {
  readonly what: Compared;
  compared: bigint;
  same: bigint;
  skipped: bigint;
  readonly differences: Map<string, { readonly difference: AnswerDifference; calls: bigint; lastTime: Timestamp }>;
}

export const createComparisons = (clock: Pick<Clock, "now">): Comparisons => {
  const tallies = new Map<string, Tally>();
  const tallyOf = (what: Compared): Tally | undefined => {
    const key = `${what.service} ${what.method} ${what.version}`;
    const known = tallies.get(key);
    if (known !== undefined || tallies.size >= COMPARED_METHODS_MAX) return known;
    const tally = { what, compared: 0n, same: 0n, skipped: 0n, differences: new Map() };
    tallies.set(key, tally);
    return tally;
  };
  return {
    compared(what, differences) {
      const tally = tallyOf(what);
      if (tally === undefined) return;
      tally.compared++;
      if (differences.length === 0) tally.same++;
      for (const difference of differences) {
        const key = `${difference.kind} ${difference.subject}`;
        const known = tally.differences.get(key);
        if (known === undefined && tally.differences.size >= DIFFERENCES_MAX) continue;
        tally.differences.set(key, { difference, calls: (known?.calls ?? 0n) + 1n, lastTime: clock.now() });
      }
    },
    skipped(what) {
      const tally = tallyOf(what);
      if (tally !== undefined) tally.skipped++;
    },
    list: (service) =>
      [...tallies]
        .filter(([, { what }]) => service === "" || what.service === service)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([, { what, compared, same, skipped, differences }]) =>
          create(ComparisonSchema, {
            ...what,
            compared,
            same,
            skipped,
            differences: [...differences.values()]
              .sort((a, b) => Number(b.calls - a.calls))
              .map(({ difference, calls, lastTime }) => ({ ...difference, calls, lastTime })),
          }),
        ),
    keep(wanted) {
      for (const [key, { what }] of tallies) if (!wanted(what)) tallies.delete(key);
    },
  };
};
