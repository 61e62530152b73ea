import { join } from "node:path";
import { createHeddleTransport } from "@heddle/mesh/rpc";
import { systemRuntime, type Timers } from "@heddle/mesh/runtime";
import { goClient } from "./go-client.ts";
import { type Load, startLoad } from "./load.ts";
import { prepare } from "./prepare.ts";
import { type Held, heapOf, sessionsOf } from "./probe.ts";
import { type ReplicatedMesh, startReplicatedMesh } from "./replicated-mesh.ts";
import type { Tally } from "./tally.ts";

export interface DrillOptions {
  /** Calls that are made at least; they go on until all restarts are done. */
  readonly calls: number;
  /** Times that every instance is restarted. */
  readonly restarts: number;
  /** Instances of each service. */
  readonly replicas: number;
  /** `heddle`, `grpc-js`, `grpc-go`. */
  readonly clients: readonly string[];
  /** An empty folder for data and logs. */
  readonly folder: string;
  progress(line: string): void;
}

export interface DrillResult {
  readonly tookMs: number;
  readonly tallies: Readonly<Record<string, Tally>>;
  /** Restarts that were done, by service. */
  readonly restarts: Readonly<Record<string, number>>;
  /** Before the load and after it, when nothing runs. */
  readonly held: Readonly<Record<Measured, { readonly before: Held; readonly after: Held }>>;
  readonly badEnds: readonly string[];
}

/** Whose sessions and heap are measured: the one that everybody calls, and all the others together. */
type Measured = "gateway" | "services";

/** Services of which an instance is restarted at a time. More on two cores would starve the calls. */
const LANES = 2;
/** Calls at a time of each client, beside its streams. */
const WORKERS: Readonly<Record<string, number>> = { heddle: 16, "grpc-js": 8, "grpc-go": 8 };
/** Calls of each client before what is held is looked at, in the beginning and in the end. */
const WARM_UP_CALLS = 5_000;
/** Milliseconds after which nothing that has ended is held: idle connections, replies of the last calls. */
const SETTLED_MS = 5_000;
const LOOK_EVERY_MS = 100;
const PROGRESS_EVERY_MS = 1_000;

/** Runs a mesh, calls it, and restarts every instance meanwhile. */
export const drill = async (options: DrillOptions): Promise<DrillResult> => {
  const { calls, restarts, replicas, clients, folder, progress } = options;
  const { clock, timers } = systemRuntime();
  progress(`starting ${replicas} instances of each service`);
  const programs = await programsOf(options, folder);
  const mesh = await startReplicatedMesh({ folder, replicas, timers });
  try {
    const { addresses } = mesh;
    const transport = createHeddleTransport({ baseUrl: `http://${addresses[0]}` });
    const prepared = await prepare(transport, timers);
    await transport.close();
    const startLoads = () =>
      clients.map((client) =>
        startLoad({ client, addresses, workers: WORKERS[client] ?? 8, prepared }, programs.get(client)),
      );

    const heldAfterCalls = async () => {
      await during(startLoads(), (loads) => untilCalls(loads, clients.length * WARM_UP_CALLS, timers));
      await timers.sleep(SETTLED_MS);
      return heldByAll(mesh);
    };

    progress("warming up");
    const before = await heldAfterCalls();

    const beginMs = clock.monotonicMs();
    const done = new Map<string, number>();
    const tallies = await during(startLoads(), async (loads) => {
      const reporting = timers.every(PROGRESS_EVERY_MS, () => {
        const at = Math.round((clock.monotonicMs() - beginMs) / 1_000);
        const { calls: made, failed } = progressOf(loads);
        const restarted = [...done.values()].reduce((sum, count) => sum + count, 0);
        const all = restarts * (1 + replicas * (mesh.services.length - 1));
        progress(`${at} s: ${made} calls of ${calls}, ${failed} failed, ${restarted} restarts of ${all}`);
      });
      await Promise.all([restartAll(mesh, restarts, done), untilCalls(loads, calls, timers)]).finally(reporting.cancel);
    });
    const tookMs = clock.monotonicMs() - beginMs;
    progress("letting it settle");
    const after = await heldAfterCalls();
    return {
      tookMs,
      tallies,
      restarts: Object.fromEntries(done),
      held: {
        gateway: { before: before.gateway, after: after.gateway },
        services: { before: before.services, after: after.services },
      },
      badEnds: mesh.badEnds(),
    };
  } finally {
    await mesh.stop();
  }
};

/** Does something while clients call; resolves to what each of them has counted. */
const during = async (
  loads: readonly Load[],
  work: (loads: readonly Load[]) => Promise<void>,
): Promise<Record<string, Tally>> => {
  try {
    await Promise.race([work(loads), ...loads.map(({ broken }) => broken)]);
    const tallies = await Promise.all(loads.map(async (load) => [load.client, await load.stop()] as const));
    return Object.fromEntries(tallies);
  } finally {
    for (const load of loads) load.kill();
  }
};

const programsOf = async ({ clients }: DrillOptions, folder: string) =>
  new Map<string, readonly [string, ...string[]]>(
    clients.includes("grpc-go") ? [["grpc-go", await goClient(join(folder, "go"))]] : [],
  );

/** Restarts every instance so many times, those of a service one after the other. */
const restartAll = async (mesh: ReplicatedMesh, restarts: number, done: Map<string, number>): Promise<void> => {
  const queue = Array.from({ length: restarts }, () => mesh.services).flat();
  const busy = new Map<string, Promise<void>>();
  const restart = async (service: string) => {
    const replaced = await mesh.restart(service);
    done.set(service, (done.get(service) ?? 0) + replaced);
  };
  for (const service of queue) {
    while (busy.has(service) || busy.size >= LANES) await Promise.race(busy.values());
    const leave = () => void busy.delete(service);
    const round = restart(service);
    busy.set(service, round);
    round.then(leave, leave);
  }
  await Promise.all(busy.values());
};

const progressOf = (loads: readonly Load[]) =>
  loads
    .map((load) => load.progress())
    .reduce((sum, { calls, failed }) => ({ calls: sum.calls + calls, failed: sum.failed + failed }), {
      calls: 0,
      failed: 0,
    });

const untilCalls = async (loads: readonly Load[], calls: number, timers: Timers): Promise<void> => {
  while (progressOf(loads).calls < calls) await timers.sleep(LOOK_EVERY_MS);
};

/** What the gateway holds, and what all the others do together. */
const heldByAll = async (mesh: ReplicatedMesh): Promise<Record<Measured, Held>> => {
  const sums = { gateway: { heapBytes: 0, sessions: 0 }, services: { heapBytes: 0, sessions: 0 } };
  for (const one of mesh.processes()) {
    const sum = sums[one.name === "gateway" ? "gateway" : "services"];
    sum.sessions += sessionsOf(one.process?.pid ?? 0);
    sum.heapBytes += await heapOf(await mesh.inspector(one));
  }
  return sums;
};
