import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { SubscriptionService } from "@heddle/contracts/heddle/events/v1";
import { addressedTo } from "@heddle/mesh/rpc";
import { cpuMicros } from "../accounts.ts";
import { freePort, OTHER_CORE, startProcess, startService, type TalkingProcess } from "../contestant.ts";
import { median } from "../median.ts";
import { type Row, TASKSET, type Workload } from "../row.ts";

/** Events of the replay. */
const REPLAY_EVENTS = 1_000_000;
/** Events of the measurement of the lag, after as many to warm up as a tenth of them. */
const LAG_EVENTS = 1_000;

/**
 * Events between two services, each a process, through the gateway: from the acknowledged commit in one to the effect on the disk of
 * the other; and the replay of a million of them into an empty view, which then has the same rows as the first time.
 */
export const events: Workload = {
  name: "events",
  tools: [TASKSET],
  async run({ runs, progress }) {
    const folder = mkdtempSync(join(tmpdir(), "heddle-bench-"));
    const running: { stop(): Promise<void> }[] = [];
    try {
      const port = await freePort();
      const env = { HEDDLE_DATA: folder, HEDDLE_PORT: String(port), HEDDLE_LOG_LEVEL: "warn" };
      const beside = { core: OTHER_CORE, env };
      running.push(await startService("gateway", beside));
      const source = await startProcess(["bench/events/source.ts"], beside);
      running.push(source);
      await source.ask(`fill:${REPLAY_EVENTS}`);
      const sink = await startProcess(["bench/events/sink.ts"], { env });
      running.push(sink);
      const client = createClient(
        SubscriptionService,
        addressedTo(createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}` }), "benchsink"),
      );
      const viewOf = async (generation: number) => {
        const { subscriptions } = await client.listSubscriptions({});
        return subscriptions.find((each) => each.view === "totals" && each.generation === generation);
      };
      const applied = async (generation: number): Promise<void> => {
        for (;;) {
          const view = await viewOf(generation);
          if (view?.inForce && view.eventsApplied >= BigInt(REPLAY_EVENTS)) return;
          await sleep(20);
        }
      };
      await applied(1);
      const before = (await sink.ask("content")) as { hash: string };
      const rates: number[] = [];
      const cpu: number[] = [];
      for (let round = 0; round < runs; round++) {
        const startMs = performance.now();
        const startMicros = cpuMicros([sink.pid]);
        const { generation } = await rebuild(client);
        await applied(generation);
        cpu.push((cpuMicros([sink.pid]) - startMicros) / REPLAY_EVENTS);
        rates.push(REPLAY_EVENTS / ((performance.now() - startMs) / 1_000));
        const after = (await sink.ask("content")) as { generation: number; hash: string };
        if (after.generation !== generation || after.hash !== before.hash)
          throw new Error(`the rows of generation ${after.generation} are not those of the first`);
        progress(
          `replay: ${Math.round(rates.at(-1) ?? 0).toLocaleString("en-US")} events/s, ${cpu.at(-1)?.toFixed(1)} us of the subscriber each; the rows are the same`,
        );
      }
      const lag = await lags(source, sink);
      progress(`lag: p50 ${lag.p50.toFixed(2)} ms, p99 ${lag.p99.toFixed(2)} ms`);
      return [
        row("event-replay", Math.round(median(rates)), "events/s"),
        row("event-replay-cpu", Math.round(median(cpu) * 10) / 10, "us/event"),
        row("event-lag-p50", Math.round(lag.p50 * 100) / 100, "ms"),
        row("event-lag-p99", Math.round(lag.p99 * 100) / 100, "ms"),
      ];
    } finally {
      for (const each of running.toReversed()) await each.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** The generation before is deleted after it was replaced, which a rebuild waits for. */
const rebuild = async (client: ReturnType<typeof createClient<typeof SubscriptionService>>) => {
  for (;;) {
    try {
      return await client.rebuildView({ view: "totals" });
    } catch (error) {
      if (!String(error).includes("still being deleted")) throw error;
      await sleep(100);
    }
  }
};

const lags = async (source: TalkingProcess, sink: TalkingProcess): Promise<{ p50: number; p99: number }> => {
  const warmUp = LAG_EVENTS / 10;
  const committed = (await source.ask(`trickle:${LAG_EVENTS + warmUp}`)) as number[];
  const effective = (await sink.ask(`times:${committed.length}`)) as number[];
  const lag = committed.map((ms, index) => (effective[index] ?? Number.NaN) - ms).slice(warmUp);
  lag.sort((a, b) => a - b);
  const at = (share: number) => lag[Math.min(lag.length - 1, Math.floor(lag.length * share))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
};

const row = (name: string, ours: number, unit: string): Row => ({ name, ours, unit, peers: {} });
