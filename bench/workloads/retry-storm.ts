import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { CreditScoreService } from "@heddle/contracts/creditscore/v1";
import { OTHER_CORE, startProcess, type TalkingProcess } from "../contestant.ts";
import { HOP_REQUEST, type Retrying, transportTo } from "../peers/hop-transport.ts";
import { inRounds } from "../rounds.ts";
import { rowOf, TASKSET, type Workload } from "../row.ts";

/** For how long calls are offered: as long as budgets look back. */
const SECONDS = 10;
const TICK_MS = 20;
const HOPS = 4;
/** Few, for budgets grow by them too. */
const WARM_UP_CALLS = 100;

/** What befalls the chain. A leaf that is down is offered less, for callers that each try three times send it 81 calls for one. */
const HALF = { failsPercent: 50, callsPerSecond: 400 };
const DOWN = { failsPercent: 100, callsPerSecond: 40 };

/** Four hops, each a process, over a leaf that fails: what the leaf gets of it, and how many calls succeed. */
export const retryStorm: Workload = {
  name: "retry-storm",
  tools: [TASKSET],
  async run({ runs, progress }) {
    const chains = (weather: Weather) =>
      inRounds(
        { policies: () => storm("policies", weather), "three tries": () => storm("three-tries", weather) },
        { runs, progress },
      );
    const half = await chains(HALF);
    const down = await chains(DOWN);
    const load = { figure: "load", unit: "calls at the leaf for each offered", ours: "policies" } as const;
    const succeeded = { figure: "succeeded", unit: "% of the calls", ours: "policies" } as const;
    return [
      rowOf("retry-storm", load, half),
      rowOf("retry-storm-success", succeeded, half),
      rowOf("retry-storm-down", load, down),
    ];
  },
};

type Weather = typeof HALF;
type Storm = { readonly load: number; readonly succeeded: number };

/** Budgets begin anew with the processes. */
const storm = async (retrying: Retrying, { failsPercent, callsPerSecond }: Weather): Promise<Storm> => {
  const hops: TalkingProcess[] = [];
  try {
    let next = String(failsPercent);
    // The first hop is the client, in this process.
    for (let hop = 1; hop <= HOPS; hop++) {
      const started = await startProcess(["bench/peers/hop.ts", retrying, next], { core: OTHER_CORE });
      hops.push(started);
      next = (started.first as { address: string }).address;
    }
    const client = createClient(CreditScoreService, transportTo(next, retrying));
    for (let call = 0; call < WARM_UP_CALLS; call++) await client.listCreditScores(HOP_REQUEST);
    const calls: Promise<boolean>[] = [];
    const startMs = performance.now();
    for (let due = 0; due < callsPerSecond * SECONDS; ) {
      await sleep(TICK_MS);
      due = Math.min(callsPerSecond * SECONDS, ((performance.now() - startMs) / 1000) * callsPerSecond);
      while (calls.length < due) {
        calls.push(
          client.getCreditScore(HOP_REQUEST).then(
            () => true,
            () => false,
          ),
        );
      }
    }
    const succeeded = (await Promise.all(calls)).filter(Boolean).length;
    const load = (await hops[0]?.ask("calls")) as number;
    return { load: load / calls.length, succeeded: (succeeded / calls.length) * 100 };
  } finally {
    for (const hop of hops) await hop.stop();
  }
};
