import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { COMPILE_CACHE } from "../../cli/program.ts";
import { ALL_SERVICES, freePort } from "../mesh.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** One of the processes that serve the same; another after each restart. */
export interface Replica {
  readonly service: string;
  /** From 0. */
  readonly index: number;
  readonly pid: number;
  /** `ws://…` of the process's inspector. */
  readonly inspector: string;
}

/** A mesh of which each service has several processes on one data folder. */
export interface ReplicatedMesh {
  /** The gateways', `host:port` each. */
  readonly addresses: readonly string[];
  replicas(): readonly Replica[];
  replica(service: string, index: number): Replica;
  /** SIGTERM, the end of what it does, and a new process in its place. */
  restart(service: string, index: number): Promise<void>;
  signal(service: string, index: number, signal: NodeJS.Signals): void;
  /** Exits that were none of an orderly end, and processes that ended by themselves. */
  readonly badEnds: readonly string[];
  stop(): Promise<void>;
}

export interface ReplicasOptions {
  /** For data and logs. */
  readonly folder: string;
  /** Processes of each service. */
  readonly replicas: number;
  readonly services?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

interface Place {
  readonly service: string;
  readonly index: number;
  child: ChildProcess;
  inspector: string;
  /** It was told to end. */
  isEnding: boolean;
}

/** Starts all of them and resolves when all serve. The gateway is one process: it has the port. */
export const startReplicas = async (options: ReplicasOptions): Promise<ReplicatedMesh> => {
  const { folder, replicas: count, services = ALL_SERVICES } = options;
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const env = {
    NODE_COMPILE_CACHE: COMPILE_CACHE,
    ...process.env,
    HEDDLE_GATEWAY: `http://${address}`,
    HEDDLE_PORT: String(port),
    HEDDLE_DATA: join(folder, "data"),
    HEDDLE_LOG_LEVEL: "info",
    ...options.env,
  };
  const logs = join(folder, "logs");
  mkdirSync(logs, { recursive: true });
  const places = new Map<string, Place>();
  const badEnds: string[] = [];
  let isStopping = false;

  const start = async (service: string, index: number): Promise<void> => {
    const name = nameOf(service, index);
    const log = openSync(join(logs, `${name}.log`), "a");
    const args = ["--inspect=127.0.0.1:0", "--conditions=source", join(ROOT, "services", service, "main.ts")];
    const child = spawn(process.execPath, args, { env, stdio: ["ignore", log, "pipe", "ipc"] });
    closeSync(log);
    const place: Place = { service, index, child, inspector: "", isEnding: false };
    places.set(name, place);
    let errors = "";
    if (child.stderr !== null) {
      createInterface({ input: child.stderr }).on("line", (line) => {
        place.inspector ||= /^Debugger listening on (ws:\S+)/.exec(line)?.[1] ?? "";
        errors = `${errors}\n${line}`.slice(-TAIL_CHARS);
      });
    }
    child.once("exit", (code, signal) => {
      if (!isStopping && place.isEnding && code === 0) return;
      if (isStopping && place.isEnding) return;
      const how = signal ?? `exit status ${code}`;
      badEnds.push(`${name}${place.isEnding ? "" : " by itself"}: ${how}; ${tailOf(join(logs, `${name}.log`))}`);
    });
    const ended = once(child, "exit").then(([code, signal]) => {
      throw new Error(`${name} ended with ${signal ?? code} before it was ready:${errors}`);
    });
    ended.catch(() => undefined);
    await Promise.race([once(child, "message"), ended]);
  };

  const end = async (place: Place): Promise<void> => {
    const { child } = place;
    if (child.exitCode !== null || child.signalCode !== null) return;
    place.isEnding = true;
    child.kill("SIGCONT");
    child.kill("SIGTERM");
    await once(child, "exit");
  };

  const placeOf = (service: string, index: number): Place => {
    const place = places.get(nameOf(service, index));
    if (place === undefined) throw new Error(`there is no ${nameOf(service, index)}`);
    return place;
  };
  const shown = ({ service, index, child, inspector }: Place): Replica => ({
    service,
    index,
    pid: child.pid ?? 0,
    inspector,
  });
  // One that is stopped would not notice that it is alone.
  const killAll = () => {
    for (const { child } of places.values()) child.kill("SIGKILL");
  };
  process.once("exit", killAll);

  const mesh: ReplicatedMesh = {
    addresses: [address],
    replicas: () => [...places.values()].map(shown),
    replica: (service, index) => shown(placeOf(service, index)),
    async restart(service, index) {
      await end(placeOf(service, index));
      await start(service, index);
    },
    signal(service, index, signal) {
      const place = placeOf(service, index);
      if (signal === "SIGKILL" || signal === "SIGTERM") place.isEnding = true;
      place.child.kill(signal);
    },
    badEnds,
    async stop() {
      isStopping = true;
      const own = [...places.values()];
      await Promise.all(own.filter(({ service }) => service !== "gateway").map(end));
      await Promise.all(own.map(end));
      process.off("exit", killAll);
    },
  };
  try {
    const rest = services.filter((service) => service !== "gateway");
    await start("gateway", 0);
    // One by one: the first of each migrates the data.
    for (let index = 0; index < count; index++) await Promise.all(rest.map((service) => start(service, index)));
  } catch (error) {
    await mesh.stop();
    throw error;
  }
  return mesh;
};

const TAIL_CHARS = 2_000;

const nameOf = (service: string, index: number): string => `${service}-${index}`;

const tailOf = (file: string): string => readFileSync(file, "utf8").slice(-TAIL_CHARS).trim().split("\n").at(-1) ?? "";
