import { execFile } from "node:child_process";
import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statfsSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { socketNetwork } from "@heddle/mesh/runtime";
import { APPLICATION_ID } from "@heddle/mesh/store";
import type { DataFolder } from "./data-folder.ts";
import { commandLine } from "./process-info.ts";
import { knownServices } from "./services.ts";
import { readState, supervisorLives } from "./state-file.ts";
import { formatBytes } from "./units.ts";

/** What a check looks at. */
export interface Subject {
  readonly folder: DataFolder;
  readonly port: number;
}

/** What a check found. */
export interface Result {
  readonly ok: boolean;
  /** One line. */
  readonly found: string;
  /** What to do, in one line; where there is a problem. */
  readonly fix?: string;
}

export type Finding = Result & { readonly name: string };

interface Check {
  readonly name: string;
  run(subject: Subject): Result | Promise<Result>;
}

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const NODE_MAJOR = 24;
const DISK_BYTES_MIN = 256 * 1024 * 1024;
const run = promisify(execFile);

const ok = (found: string): Result => ({ ok: true, found });
const problem = (found: string, fix: string): Result => ({ ok: false, found, fix });

const checkNode = (): Result => {
  const major = Number(process.versions.node.split(".")[0]);
  return major === NODE_MAJOR
    ? ok(`${process.version}`)
    : problem(`${process.version} runs this, and ${NODE_MAJOR} is needed`, "npm ci, then call heddle by npx heddle");
};

const checkTools = async (): Promise<Result> => {
  const missing: string[] = [];
  for (const tool of ["git", "make", "npm"]) await run(tool, ["--version"]).catch(() => missing.push(tool));
  return missing.length === 0
    ? ok("git, make and npm found")
    : problem(`${missing.join(", ")} not found`, `install ${missing.join(", ")}`);
};

const checkInstalled = (): Result => {
  const locked = join(ROOT, "package-lock.json");
  const installed = join(ROOT, "node_modules", ".package-lock.json");
  if (!existsSync(installed)) return problem("the dependencies are not installed", "npm ci");
  const wanted = versions(locked);
  const present = versions(installed);
  // Optional ones for other platforms are locked and not installed.
  const wrong = [...present]
    .filter(([name, version]) => wanted.has(name) && wanted.get(name) !== version)
    .map(([name]) => name);
  const [first] = wrong;
  return first === undefined
    ? ok(`${present.size} packages, as locked`)
    : problem(`${wrong.length} packages are not of the locked version, such as ${first}`, "npm ci");
};

const versions = (file: string): Map<string, string> => {
  const lock: { packages: Record<string, { version?: string; link?: boolean }> } = JSON.parse(
    readFileSync(file, "utf8"),
  );
  return new Map(
    Object.entries(lock.packages).flatMap(([name, { version, link }]) =>
      name && version && !link ? [[name, version]] : [],
    ),
  );
};

const checkBinding = async (): Promise<Result> => {
  try {
    const { default: Database } = await import("better-sqlite3");
    const database = new Database(":memory:");
    const version = database.prepare("SELECT sqlite_version() AS version").get() as { version: string };
    database.close();
    return ok(`SQLite ${version.version}`);
  } catch (error) {
    const fix = `npm ci; there are binaries for Linux, macOS and Windows on x64 and arm64, and this is ${process.platform} on ${process.arch}`;
    return problem(`the database binding does not load: ${(error as Error).message.split("\n")[0]}`, fix);
  }
};

const checkGenerated = async (): Promise<Result> => {
  try {
    await run(process.execPath, [join(ROOT, "tools", "generate.ts"), "--check"], { cwd: ROOT });
    return ok("gen/ is what proto/ compiles to");
  } catch (error) {
    const { stderr = "", stdout = "" } = error as { stderr?: string; stdout?: string };
    return problem(`gen/ is stale: ${(stderr || stdout).trim().split("\n")[0]}`, "make gen");
  }
};

const checkPort = async ({ folder, port }: Subject): Promise<Result> => {
  const state = readState(folder.stateFile);
  if (state !== undefined && supervisorLives(state) && state.port === port)
    return ok(`${port} is held by the mesh of this data folder`);
  try {
    const listener = await socketNetwork.listen({ host: "127.0.0.1", port }, (connection) => connection.destroy());
    await listener.close();
    return ok(`${port} is free`);
  } catch (error) {
    const holder = portHolder(port);
    const who =
      holder === undefined ? (error as Error).message : `held by process ${holder}: ${commandLine(holder) ?? "?"}`;
    return problem(`${port} is not free: ${who}`, "stop it, or use another port: heddle up --port 8081");
  }
};

/** The process that listens on a port, by /proc; undefined where that cannot be told. */
const portHolder = (port: number): number | undefined => {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const inodes = new Set(
    ["tcp", "tcp6"].flatMap((table) =>
      readLines(`/proc/net/${table}`)
        .map((line) => line.trim().split(/\s+/))
        .filter((fields) => fields[1]?.endsWith(wanted) && fields[3] === "0A")
        .map((fields) => `socket:[${fields[9]}]`),
    ),
  );
  return list("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .find((pid) => list(`/proc/${pid}/fd`).some((fd) => inodes.has(linkOf(`/proc/${pid}/fd/${fd}`))));
};

const checkData = async ({ folder }: Subject): Promise<Result> => {
  for (const service of knownServices()) {
    if (!existsSync(folder.database(service)) || (await isOurs(folder.database(service)))) continue;
    return problem(
      `${folder.database(service)} is not a database of Heddle`,
      "choose another folder with --data, or move that file away",
    );
  }
  const existing = nearestExisting(folder.path);
  try {
    accessSync(existing, constants.W_OK);
  } catch {
    return problem(`${existing} cannot be written`, "change its owner, or choose another folder with --data");
  }
  const { bavail, bsize } = statfsSync(existing);
  const free = bavail * bsize;
  if (free < DISK_BYTES_MIN)
    return problem(
      `${formatBytes(free)} left on the disk of ${existing}`,
      "make room, or choose another folder with --data",
    );
  return ok(`${folder.path}, ${formatBytes(free)} free`);
};

/** Whether a file is a database that a service of ours made; an empty one may become one. */
const isOurs = async (file: string): Promise<boolean> => {
  if (statSync(file).size === 0) return true;
  const { default: Database } = await import("better-sqlite3");
  try {
    const database = new Database(file, { readonly: true });
    const id = database.pragma("application_id", { simple: true });
    database.close();
    return id === APPLICATION_ID;
  } catch {
    return false;
  }
};

const nearestExisting = (path: string): string => (existsSync(path) ? path : nearestExisting(dirname(path)));

const readLines = (path: string): string[] => {
  try {
    return readFileSync(path, "utf8").split("\n");
  } catch {
    return [];
  }
};

const list = (path: string): string[] => {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
};

const linkOf = (path: string): string => {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
};

/** In the order in which a newcomer would trip over them. */
export const CHECKS: readonly Check[] = [
  { name: "node", run: checkNode },
  { name: "tools", run: checkTools },
  { name: "dependencies", run: checkInstalled },
  { name: "sqlite", run: checkBinding },
  { name: "generated code", run: checkGenerated },
  { name: "port", run: checkPort },
  { name: "data folder", run: checkData },
];
