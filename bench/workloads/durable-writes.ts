import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { cpuMicros } from "../accounts.ts";
import { startProcess, type TalkingProcess } from "../contestant.ts";
import type { WriterName } from "../durable/writers.ts";
import { percentile } from "../median.ts";
import { findPostgres, startPostgres } from "../postgres.ts";
import { inRounds } from "../rounds.ts";
import { GCC, type Row, rowOf, TASKSET, type Workload } from "../row.ts";

/** What a sync of a disk takes that has to write. */
const SYNC_MICROS = 1_800;
/** Between two pings, so that a round has some thousand. */
const PING_MS = 1;

/** One order and its line per request, each durable before it is answered, on a disk that takes 1.8 ms; and reads meanwhile. */
export const durableWrites: Workload = {
  name: "durable-writes",
  tools: [GCC, TASKSET],
  async run({ runs, seconds, progress }) {
    const folder = mkdtempSync(join(tmpdir(), "heddle-bench-"));
    const env = slowDisk(folder);
    const programs = findPostgres();
    if (programs === undefined) progress("PostgreSQL is not installed, and left out: apt-get install postgresql");
    const postgres = programs === undefined ? undefined : await startPostgres(programs, { env });
    const started: TalkingProcess[] = [];
    const start = async (name: WriterName, home: string) => {
      const socket = join(folder, `${name}.sock`);
      const peer = await startProcess(["bench/peers/durable-writes.ts", name, home, socket], { env });
      started.push(peer);
      const pids = () => [peer.pid, ...(name === "postgresql" ? (postgres?.pids() ?? []) : [])];
      const write = (inFlight: number) => writesPerSecond(peer, pids, inFlight, seconds);
      // The compiler sees what is hot.
      await write(64);
      return { peer, socket, write };
    };
    try {
      const ours = await start("heddle", mkdtempSync(join(folder, "heddle-")));
      const each = await start("sqlite", mkdtempSync(join(folder, "sqlite-")));
      const theirs = postgres && (await start("postgresql", postgres.folder));
      const rows: Row[] = [];
      for (const inFlight of [64, 256]) {
        const contestants: Record<string, () => Promise<WriteFigures>> = {
          heddle: () => ours.write(inFlight),
          "commit each": () => each.write(1),
          ...(theirs && { postgresql: () => theirs.write(inFlight) }),
        };
        progress(`${inFlight} in flight`);
        const results = await inRounds(contestants, { runs, progress });
        const of = results as Record<"heddle", WriteFigures>;
        rows.push(
          rowOf(`durable-writes-${inFlight}`, { figure: "writesPerSecond", unit: "writes/s", ours: "heddle" }, of),
          rowOf(
            `durable-writes-${inFlight}-cpu`,
            { figure: "cpuMicrosEach", unit: "us CPU/write", ours: "heddle" },
            of,
          ),
        );
      }
      const reads = await inRounds(
        {
          heddle: () => readsDuring(ours.socket, seconds, () => ours.write(64)),
          "no writes": () => readsDuring(ours.socket, seconds, () => sleep(seconds * 1000)),
          "commit each": () => readsDuring(each.socket, seconds, () => each.write(1)),
        },
        { runs, progress },
      );
      return [
        ...rows,
        rowOf("durable-writes-read-p50", { figure: "p50", unit: "us", ours: "heddle" }, reads),
        rowOf("durable-writes-read-p99", { figure: "p99", unit: "us", ours: "heddle" }, reads),
      ];
    } finally {
      for (const peer of started) await peer.stop();
      await postgres?.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** The environment of a process whose syncs take as long as those of a disk. */
const slowDisk = (folder: string): NodeJS.ProcessEnv => {
  const library = join(folder, "slow-fsync.so");
  const source = fileURLToPath(new URL("../slow-fsync.c", import.meta.url));
  execFileSync("gcc", ["-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"]);
  return { LD_PRELOAD: library, SLOW_FSYNC_US: String(SYNC_MICROS) };
};

type WriteFigures = { readonly writesPerSecond: number; readonly cpuMicrosEach: number };

const writesPerSecond = async (
  peer: TalkingProcess,
  pids: () => number[],
  inFlight: number,
  seconds: number,
): Promise<WriteFigures> => {
  const ask = async (writes: number) =>
    (await peer.ask(JSON.stringify({ writes, inFlight }))) as { readonly seconds: number };
  const probe = inFlight * 20;
  const writes = Math.ceil((probe / (await ask(probe)).seconds) * seconds);
  const watched = pids();
  const before = cpuMicros(watched);
  const took = (await ask(writes)).seconds;
  return { writesPerSecond: writes / took, cpuMicrosEach: (cpuMicros(watched) - before) / writes };
};

type ReadFigures = { readonly p50: number; readonly p99: number };

/** Reads one after the other every millisecond, whether or not the one before was answered, while `work` goes on. */
const readsDuring = async (socket: string, seconds: number, work: () => Promise<unknown>): Promise<ReadFigures> => {
  const connection = connect(socket);
  const micros: number[] = [];
  const sentMs: number[] = [];
  connection.on("data", (answers) => {
    for (const _ of answers) micros.push((performance.now() - (sentMs.shift() ?? 0)) * 1000);
  });
  const pings = setInterval(() => {
    sentMs.push(performance.now());
    connection.write(".");
  }, PING_MS);
  try {
    await Promise.all([work(), sleep(seconds * 1000)]);
  } finally {
    clearInterval(pings);
    connection.destroy();
  }
  micros.sort((a, b) => a - b);
  return { p50: percentile(micros, 50), p99: percentile(micros, 99) };
};
