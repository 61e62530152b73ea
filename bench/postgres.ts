import { execFileSync, spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type Contestant, freePort, startProgram } from "./contestant.ts";

/** What is missing to run PostgreSQL here, with the next step; undefined when nothing is. */
export const postgresMissing = (): string | undefined =>
  programs() === undefined ? "PostgreSQL is not installed: apt-get install postgresql" : undefined;

export interface Postgres extends Contestant {
  /** For clients; the database is empty. */
  readonly url: string;
}

/** Starts PostgreSQL on loopback with an empty database. All but the port is its default: each commit waits for fsync. */
export const startPostgres = async (): Promise<Postgres> => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-bench-postgres-"));
  const found = programs();
  if (found === undefined) throw new Error(postgresMissing());
  // PostgreSQL refuses to run as root.
  const uid = process.getuid?.() === 0 ? Number(execFileSync("id", ["-u", "nobody"], { encoding: "utf8" })) : undefined;
  const user = uid !== undefined && { uid };
  if (uid !== undefined) chownSync(folder, uid, -1);
  const options = ["-D", folder, "-U", "bench", "-A", "trust", "-E", "UTF8", "--no-locale"];
  const made = spawnSync(join(found, "initdb"), options, { ...user, cwd: folder, encoding: "utf8" });
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`);
  const port = await freePort();
  const settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "log_min_messages=fatal"];
  const command = [join(found, "postgres"), "-D", folder, "-p", String(port)];
  const server = await startProgram([...command, ...settings.flatMap((setting) => ["-c", setting])], port, { ...user });
  return {
    ...server,
    url: `postgresql://bench@127.0.0.1:${port}/postgres`,
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

/** The folder of the newest PostgreSQL's programs: Debian keeps them out of the PATH. */
const programs = (): string | undefined => {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...versions.map((version) => join(debian, version, "bin")), ...(process.env.PATH ?? "").split(":")];
  return folders.find((folder) => existsSync(join(folder, "initdb")) && existsSync(join(folder, "postgres")));
};
