import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Timers } from "@heddle/mesh/runtime";
import { COMPILE_CACHE } from "../../cli/program.ts";
import { ALL_SERVICES, freePort, replicasOf, serviceOf } from "../mesh.ts";
import type { Strike, StrikeKind } from "./chaos-plan.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** Milliseconds that running calls get when a service is told to end. */
const DRAIN_MS = 1_500;
/** Milliseconds before a service that ended by itself is started again. */
const AFTER_OWN_END_MS = 200;
/** Bytes of a log that tell why its service ended. */
const TAIL_BYTES = 2_000;

/** The mesh as processes, each started again whenever it has ended. */
export interface Processes {
  /** The gateway, as `http://127.0.0.1:port`. */
  readonly url: string;
  /** The names of the processes: `order`, and `order-2` for a replica of it. */
  readonly services: readonly string[];
  /** Sends the signal of the strike to the process that the service has now, if any. */
  strike(strike: Strike): void;
  /** Strikes that met a process, by service. */
  readonly struck: ReadonlyMap<string, Readonly<Record<StrikeKind, number>>>;
  /** How often a service became ready. */
  starts(): number;
  /** Services that ended although nobody had told them to, with the end of their log. */
  readonly ownEnds: readonly string[];
  /** Services that serve now. */
  ready(): readonly string[];
  /** Ends all, orderly. */
  stop(): Promise<void>;
}

/** How many processes a service has. */
export type Replicas = Readonly<Record<string, number>>;

/** The logs of a run, one file per service. */
export const logFolder = (folder: string): string => join(folder, "logs");
/** The databases of a run, one folder per service. */
export const dataFolder = (folder: string): string => join(folder, "data");

/** Starts every service of the repository, as many replicas as `replicas` says or one, with data and logs in `folder`. */
export const startProcesses = async (folder: string, timers: Timers, replicas: Replicas = {}): Promise<Processes> => {
  const names = ALL_SERVICES.flatMap((service) => replicasOf(service, replicas[service] ?? 1));
  const port = await freePort();
  const env = {
    NODE_COMPILE_CACHE: COMPILE_CACHE,
    ...process.env,
    HEDDLE_GATEWAY: "",
    HEDDLE_PORT: String(port),
    HEDDLE_DATA: dataFolder(folder),
    HEDDLE_LOG_LEVEL: "info",
    HEDDLE_DRAIN_MS: String(DRAIN_MS),
  };
  mkdirSync(logFolder(folder), { recursive: true });
  const running = new Map<string, ChildProcess>();
  const ready = new Set<string>();
  const downForMs = new Map<ChildProcess, number>();
  const struck = new Map(names.map((service) => [service, { kill: 0, stop: 0, restart: 0 }]));
  const ownEnds: string[] = [];
  let starts = 0;
  let stopping = false;

  const runOnce = async (service: string): Promise<ChildProcess> => {
    const log = openSync(join(logFolder(folder), `${service}.log`), "a");
    const child = spawn(
      process.execPath,
      ["--conditions=source", join(ROOT, "services", serviceOf(service), "main.ts")],
      {
        env,
        stdio: ["ignore", log, log, "ipc"],
      },
    );
    closeSync(log);
    running.set(service, child);
    child.once("message", () => {
      starts++;
      ready.add(service);
    });
    const [code, signal] = await once(child, "exit");
    running.delete(service);
    ready.delete(service);
    if (!stopping && !downForMs.has(child)) {
      ownEnds.push(`${service} ended by itself with ${signal ?? `exit status ${code}`}: ${tailOf(folder, service)}`);
    }
    return child;
  };
  const keep = async (service: string): Promise<void> => {
    while (!stopping) {
      const child = await runOnce(service);
      if (!stopping) await timers.sleep(downForMs.get(child) ?? AFTER_OWN_END_MS);
    }
  };
  const kept = names.map(keep);
  // One that is stopped would not notice that it is alone.
  const killAll = () => [...running.values()].forEach((child) => void child.kill("SIGKILL"));
  process.once("exit", killAll);

  const processes: Processes = {
    url: `http://127.0.0.1:${port}`,
    services: names,
    strike({ service, kind, forMs }) {
      const child = running.get(service);
      const counts = struck.get(service);
      if (child === undefined || counts === undefined) return;
      counts[kind]++;
      if (kind === "stop") {
        child.kill("SIGSTOP");
        timers.after(forMs, () => child.kill("SIGCONT"));
        return;
      }
      downForMs.set(child, forMs);
      ready.delete(service);
      child.kill(kind === "kill" ? "SIGKILL" : "SIGTERM");
    },
    struck,
    starts: () => starts,
    ownEnds,
    ready: () => [...ready],
    async stop() {
      stopping = true;
      // The gateway last: the others take their leave from it.
      for (const service of names.toReversed()) running.get(service)?.kill("SIGCONT");
      const end = (service: string) => {
        const child = running.get(service);
        if (child === undefined) return undefined;
        child.kill("SIGTERM");
        return once(child, "exit");
      };
      await Promise.all(names.filter((service) => service !== "gateway").map(end));
      await end("gateway");
      await Promise.all(kept);
      process.off("exit", killAll);
    },
  };
  return processes;
};

const tailOf = (folder: string, service: string): string => {
  const log = readFileSync(join(logFolder(folder), `${service}.log`), "utf8");
  return log.slice(-TAIL_BYTES).trim().split("\n").slice(-2).join(" | ");
};
