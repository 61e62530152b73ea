import { join } from "node:path";
import { createHeddleTransport } from "@heddle/mesh/rpc";
import { systemRuntime, type Timers } from "@heddle/mesh/runtime";
import { goClient } from "./go-client.ts";
import { type Load, startLoad } from "./load.ts";
import { prepare } from "./prepare.ts";
import { type Held, heldBy } from "./probe.ts";
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
  /** By service, before the load and after it, when nothing runs. */
  readonly held: Readonly<Record<string, { readonly before: Held; readonly after: Held }>>;
  readonly badEnds: readonly string[];
}

/** Instances whose sessions and heap are measured: one that is called by everybody, and one that is called. */
const MEASURED = ["gateway", "order"];
/** Services of which an instance is restarted at a time. More on two cores would starve the calls. */
const LANES = 2;
/** Calls at a time of each client, beside its streams. */
const WORKERS: Readonly<Record<string, number>> = { heddle: 16, "grpc-js": 8, "grpc-go": 8 };
/** Calls, and milliseconds, that everything is warmed up with before it is measured. */
const WARM_UP_CALLS = 3_000;
/** Milliseconds after which nothing that has ended is held: idle connections, replies of the last calls. */
const SETTLED_MS = 3_000;
const LOOK_EVERY_MS = 100;
const PROGRESS_EVERY_MS = 1_000;

/** Runs a mesh, calls it, and restarts every instance meanwhile. */
export const drill = async (options: DrillOptions): Promise<DrillResult> => {
  const { calls, restarts, replicas, folder, progress } = options;
  const { clock, timers } = systemRuntime();
  progress(`starting ${replicas} instances of each service`);
  const programs = await programsOf(options, folder);
  const mesh = await startReplicatedMesh({ folder, replicas, timers });
  try {
    const transport = createHeddleTransport({ baseUrl: `http://${mesh.addresses[0]}` });
    const prepared = await prepare(transport, timers);
    await transport.close();
    const startLoads = () =>
      options.clients.map((client) =>
        startLoad({ client, addresses: mesh.addresses, workers: WORKERS[client] ?? 8, prepared }, programs.get(client)),
      );

    progress("warming up");
    const warming = startLoads();
    await untilCalls(warming, WARM_UP_CALLS, timers);
    await Promise.all(warming.map((load) => load.stop()));
    await timers.sleep(SETTLED_MS);
    const before = await heldByAll(mesh);

    const beginMs = clock.monotonicMs();
    const loads = startLoads();
    const done = new Map<string, number>();
    const reporting = timers.every(PROGRESS_EVERY_MS, () => {
      const at = Math.round((clock.monotonicMs() - beginMs) / 1_000);
      const { calls: made, failed } = progressOf(loads);
      const restarted = [...done.values()].reduce((sum, count) => sum + count, 0);
      const all = restarts * (1 + replicas * (mesh.services.length - 1));
      progress(`${at} s: ${made} calls of ${calls}, ${failed} failed, ${restarted} restarts of ${all}`);
    });
    await Promise.all([restartAll(mesh, restarts, done), untilCalls(loads, calls, timers)]);
    const tallies: [string, Tally][] = await Promise.all(
      loads.map(async (load) => [load.client, await load.stop()] as [string, Tally]),
    );
    reporting.cancel();
    const tookMs = clock.monotonicMs() - beginMs;
    progress("letting it settle");
    await timers.sleep(SETTLED_MS);
    const after = await heldByAll(mesh);
    const held = Object.fromEntries(
      MEASURED.flatMap((service) => {
        const [was, is] = [before.get(service), after.get(service)];
        return was === undefined || is === undefined ? [] : [[service, { before: was, after: is }]];
      }),
    );
    return {
      tookMs,
      tallies: Object.fromEntries(tallies),
      restarts: Object.fromEntries(done),
      held,
      badEnds: mesh.badEnds(),
    };
  } finally {
    await mesh.stop();
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

const heldByAll = async (mesh: ReplicatedMesh): Promise<Map<string, Held>> => {
  const held = new Map<string, Held>();
  for (const service of MEASURED) held.set(service, await heldBy(await mesh.inspector(service)));
  return held;
};
