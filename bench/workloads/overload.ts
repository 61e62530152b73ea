import { cpuMicros } from "../accounts.ts";
import type { OpenLoad, OpenResult } from "../clients/open-loop.ts";
import { type Contestant, OTHER_CORE, startPeer, startProcess, type TalkingProcess } from "../contestant.ts";
import { inRounds, rounded } from "../rounds.ts";
import { type Row, rowOf, TASKSET, type Workload } from "../row.ts";

/** How many times as many calls come as can be answered. */
const TIMES = [2, 5, 10];
/** Milliseconds after which an answer is of no use. */
const TIMEOUT_MS = 1_000;
/** A first guess at what the server can do, and steps towards more of it until it answers no more. */
const FIRST_PER_SECOND = 250;
const STEP = 1.25;
/** Below this share of calls in time, a server has more than it can do. */
const ENOUGH = 0.95;

/** What a server did under one load. */
type Answered = {
  /** Answers in time per second, … */
  readonly perSecond: number;
  /** … and per second of the server's CPU time, which other programs on its core disturb less. */
  readonly perCoreSecond: number;
};

/** A server whose every call takes about a millisecond of its thread, called more and more often: what it still answers in time. */
export const overload: Workload = {
  name: "overload",
  tools: [TASKSET],
  async run({ runs, seconds, progress }) {
    const running: (Contestant | TalkingProcess)[] = [];
    const start = async (name: string, argument: string) => {
      const server = await startPeer("busy", [argument]);
      running.push(server);
      const client = await startProcess(["bench/clients/open-loop.ts", server.address], { core: OTHER_CORE });
      running.push(client);
      return async (perSecond: number): Promise<Answered> => {
        const load: OpenLoad = { perSecond, seconds, timeoutMs: TIMEOUT_MS };
        const before = cpuMicros([server.pid]);
        const { good, shed, late, failed } = (await client.ask(JSON.stringify(load))) as OpenResult;
        const perCoreSecond = good / ((cpuMicros([server.pid]) - before) / 1e6);
        progress(
          `${name}, ${Math.round(perSecond)}/s: ${good} in time, ${rounded(perCoreSecond)}/s per core; ${shed} shed, ${late} late, ${failed} failed`,
        );
        return { perSecond: good / seconds, perCoreSecond };
      };
    };
    try {
      const ours = await start("ours", "on");
      const naive = await start("shedding off", "off");
      const best = await bestOf(ours);
      const rows: Row[] = [];
      for (const times of TIMES) {
        const contestants = {
          ours: () => ours(times * best.perSecond),
          "shedding off": () => naive(times * best.perSecond),
        };
        const results = { ...(await inRounds(contestants, { runs, progress })), best };
        rows.push(
          rowOf(
            `overload-${times}`,
            { figure: "perCoreSecond", unit: "answers in time/s per core", ours: "ours" },
            results,
          ),
        );
      }
      return rows;
    } finally {
      for (const each of running.toReversed()) await each.stop();
    }
  },
};

/** The most that a server answers in time, once it is warm. */
const bestOf = async (ask: (perSecond: number) => Promise<Answered>): Promise<Answered> => {
  await ask(FIRST_PER_SECOND);
  let best: Answered = { perSecond: 0, perCoreSecond: 0 };
  for (let perSecond = FIRST_PER_SECOND; ; perSecond *= STEP) {
    const answered = await ask(perSecond);
    best = {
      perSecond: Math.max(best.perSecond, answered.perSecond),
      perCoreSecond: Math.max(best.perCoreSecond, answered.perCoreSecond),
    };
    if (answered.perSecond < perSecond * ENOUGH) return best;
  }
};
