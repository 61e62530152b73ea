import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ClientContestant, OTHER_CORE, startClient, startProcess, type TalkingProcess } from "../contestant.ts";
import { CANNED_CUSTOMER_ID, checkAnswer } from "../customer-mesh.ts";
import { startHaproxy } from "../haproxy.ts";
import { inRounds } from "../rounds.ts";
import { HAPROXY, rowOf, TASKSET, type Workload } from "../row.ts";
import { calibrateClient } from "./client.ts";
import { startGateway } from "./relay.ts";

/** Milliseconds that a replica takes for a call, and that a slow one does. */
const HEALTHY_MS = 10;
const SLOW_MS = 100 * HEALTHY_MS;
const REPLICAS = 5;

/** Calls through a proxy to five replicas, one of which takes 100 times as long as the others. */
export const slowReplica: Workload = {
  name: "slow-replica",
  tools: [HAPROXY, TASKSET],
  async run({ runs, seconds, progress }) {
    const folder = mkdtempSync(join(tmpdir(), "heddle-bench-"));
    const running: { stop(): Promise<void> }[] = [];
    const start = async <T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
      const started = await starting;
      running.push(started);
      return started;
    };
    const mesh = async (name: string, slowest: number) => {
      const gateway = await start(startGateway(join(folder, name)));
      const replicas: TalkingProcess[] = [];
      for (let index = 0; index < REPLICAS; index++) {
        const delayMs = index === 0 ? slowest : HEALTHY_MS;
        const args = ["bench/peers/delayed.ts", gateway.address, String(delayMs)];
        replicas.push(await start(startProcess(args, { core: OTHER_CORE })));
      }
      return { gateway, replicas };
    };
    try {
      const healthy = await mesh("healthy", HEALTHY_MS);
      const slow = await mesh("slow", SLOW_MS);
      const proxies = {
        heddle: { address: slow.gateway.address, replicas: slow.replicas },
        "all healthy": { address: healthy.gateway.address, replicas: healthy.replicas },
        "round robin": {
          address: (await start(startHaproxy(folder, addressesOf(slow.replicas)))).address,
          replicas: slow.replicas,
        },
      };
      const contestants: Record<string, () => Promise<Figures>> = {};
      for (const [name, { address, replicas }] of Object.entries(proxies)) {
        await checkAnswer(address, CANNED_CUSTOMER_ID);
        const client = await start(startClient("heddle", [address, CANNED_CUSTOMER_ID], { core: OTHER_CORE }));
        const calls = await calibrateClient(client, seconds);
        contestants[name] = () => measure(client, calls, replicas);
      }
      const results = await inRounds(contestants as Record<keyof typeof proxies, () => Promise<Figures>>, {
        runs,
        progress,
      });
      const row = (name: string, figure: keyof Figures, unit: string) =>
        rowOf(name, { figure, unit, ours: "heddle" }, results);
      return [
        row("slow-replica-p50", "p50", "us"),
        row("slow-replica-p99", "p99", "us"),
        row("slow-replica-extra", "extraPercent", "% more calls at the replicas"),
      ];
    } finally {
      for (const each of running.toReversed()) await each.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

type Figures = {
  readonly p50: number;
  readonly p99: number;
  /** Calls that the replicas got beyond those that the client made, in a hundred of these. */
  readonly extraPercent: number;
};

const measure = async (
  client: ClientContestant,
  calls: number,
  replicas: readonly TalkingProcess[],
): Promise<Figures> => {
  const before = await receivedBy(replicas);
  const { p50, p99 } = await client.run(calls);
  const received = (await receivedBy(replicas)) - before;
  return { p50, p99, extraPercent: (received / calls - 1) * 100 };
};

const receivedBy = async (replicas: readonly TalkingProcess[]): Promise<number> => {
  let calls = 0;
  for (const replica of replicas) calls += Number(await replica.ask("calls"));
  return calls;
};

const addressesOf = (replicas: readonly TalkingProcess[]): readonly string[] =>
  replicas.map(({ first }) => String(first));
