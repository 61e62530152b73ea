import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { treesOf } from "./accounts.ts";
import { OTHER_CORE, type SpawnOptions } from "./contestant.ts";

/** A PostgreSQL server in a folder that goes with it, on a Unix socket in there. */
export interface Postgres {
  readonly folder: string;
  /** Of an empty database, for clients. */
  readonly url: string;
  readonly pid: number;
  /** Of all its processes. */
  pids(): number[];
  stop(): Promise<void>;
}

/** Undefined where it is not installed. */
export const findPostgres = (): string | undefined => {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...versions.map((version) => join(debian, version, "bin")), ...(process.env.PATH ?? "").split(":")];
  return folders.find((folder) => existsSync(join(folder, "initdb")) && existsSync(join(folder, "postgres")));
};

/** It refuses to run as root. */
const NOBODY = 65534;

/** Starts it with the settings that it comes with, by which a commit waits for its sync; by default on the other core. */
export const startPostgres = async (
  programs: string,
  { core = OTHER_CORE, env = {} }: Pick<SpawnOptions, "core" | "env"> = {},
): Promise<Postgres> => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-postgres-"));
  const isRoot = process.getuid?.() === 0;
  const as = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  if (isRoot) chownSync(folder, NOBODY, NOBODY);
  chmodSync(folder, 0o700);
  const data = join(folder, "data");
  const initdb = ["-D", data, "-U", "bench", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"];
  execFileSync(join(programs, "initdb"), initdb, { ...as, stdio: ["ignore", "ignore", "pipe"], cwd: folder });
  const settings = ["listen_addresses=", `unix_socket_directories=${folder}`, "max_connections=300"];
  const server = spawn(
    "taskset",
    ["-c", String(core), join(programs, "postgres"), "-D", data, ...settings.flatMap((each) => ["-c", each])],
    { ...as, cwd: folder, env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "ignore"] },
  );
  while (!existsSync(join(folder, ".s.PGSQL.5432"))) {
    if (server.exitCode !== null) throw new Error(`postgres ended with ${server.exitCode}`);
    await sleep(50);
  }
  await sleep(500);
  return {
    folder,
    url: `postgresql://bench@localhost/postgres?host=${folder}`,
    pid: server.pid ?? 0,
    pids: () => treesOf([server.pid ?? 0]),
    async stop() {
      server.kill("SIGINT");
      if (server.exitCode === null) await once(server, "exit");
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
