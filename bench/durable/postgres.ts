import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { OTHER_CORE } from "../contestant.ts";

/** A PostgreSQL server in a folder that goes with it, on a Unix socket in there. */
export interface Postgres {
  readonly folder: string;
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

export const startPostgres = async (programs: string, env: NodeJS.ProcessEnv): Promise<Postgres> => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-postgres-"));
  const isRoot = process.getuid?.() === 0;
  const as = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  if (isRoot) chownSync(folder, NOBODY, NOBODY);
  chmodSync(folder, 0o700);
  const data = join(folder, "data");
  const initdb = ["-D", data, "-U", "bench", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"];
  execFileSync(join(programs, "initdb"), initdb, { ...as, stdio: "ignore", cwd: folder });
  const settings = ["listen_addresses=", `unix_socket_directories=${folder}`, "max_connections=300"];
  const server = spawn(
    "taskset",
    ["-c", String(OTHER_CORE), join(programs, "postgres"), "-D", data, ...settings.flatMap((each) => ["-c", each])],
    { ...as, cwd: folder, env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "ignore"] },
  );
  while (!existsSync(join(folder, ".s.PGSQL.5432"))) {
    if (server.exitCode !== null) throw new Error(`postgres ended with ${server.exitCode}`);
    await sleep(50);
  }
  await sleep(500);
  return {
    folder,
    pids: () => familyOf(server),
    async stop() {
      server.kill("SIGINT");
      if (server.exitCode === null) await once(server, "exit");
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

const familyOf = (server: ChildProcess): number[] => {
  const pid = server.pid ?? 0;
  const children = execFileSync("ps", ["-o", "pid=", "--ppid", String(pid)], { encoding: "utf8" });
  return [pid, ...children.trim().split(/\s+/).map(Number)];
};
