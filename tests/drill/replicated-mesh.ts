import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Timers } from "@heddle/mesh/runtime";
import { dataFolder } from "../../cli/data-folder.ts";
import { askSupervisor } from "../../cli/rollout/ask-supervisor.ts";
import { readState, replicaName, type ServiceState } from "../../cli/state-file.ts";
import { runHeddle } from "../heddle-up.ts";
import { ALL_SERVICES, freePort } from "../mesh.ts";

const HEDDLE = new URL("../../cli/bin/heddle.js", import.meta.url).pathname;

/** A mesh that `heddle up` runs, with several processes of each service, and the one gateway. */
export interface ReplicatedMesh {
  /** The gateways', `host:port` each. */
  readonly addresses: readonly string[];
  readonly services: readonly string[];
  /** `heddle restart`: each process of the service gets a successor. Resolves to how many did. */
  restart(service: string): Promise<number>;
  /** Processes that run now. */
  processes(): readonly ServiceState[];
  /** `ws://…` of the inspector of one of them. */
  inspector(one: ServiceState): Promise<string>;
  /** Processes that ended by themselves, and those that cut calls when they were to end. */
  badEnds(): readonly string[];
  stop(): Promise<void>;
}

/** Milliseconds that a process may take to be ready, or that all may take at first: on a machine that has much else to do. */
const READY_MS_MAX = 120_000;
/** Milliseconds, and looks, until a process has told where its inspector listens. */
const LOOK_EVERY_MS = 50;
const LOOKS_MAX = 100;
/** What `heddle up` prints of a process that ended otherwise than it was told to. */
const BAD_END = /; starts again in | and is not started again| killed after /;

export const startReplicatedMesh = async (options: {
  readonly folder: string;
  readonly replicas: number;
  readonly timers: Timers;
}): Promise<ReplicatedMesh> => {
  const { replicas, timers } = options;
  const path = join(options.folder, "data");
  mkdirSync(path, { recursive: true });
  const folder = dataFolder(path);
  const port = await freePort();
  const env = {
    ...process.env,
    HEDDLE_GATEWAY: "",
    HEDDLE_DATA: path,
    HEDDLE_PORT: String(port),
    NO_COLOR: "1",
    // Where an inspector listens that SIGUSR1 asks for: the default is one port for all.
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ""} --inspect-port=127.0.0.1:0`,
  };
  const counts = ALL_SERVICES.filter((name) => name !== "gateway").map((name) => `${name}=${replicas}`);
  const up: ChildProcess = spawn(process.execPath, [HEDDLE, "up", "--replicas", ...counts], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [up.stdout, up.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      output += chunk;
    });
  }
  const state = () => readState(folder.stateFile);
  const killAll = () => {
    up.kill("SIGKILL");
    for (const { process: own } of state()?.services ?? []) if (own !== undefined) process.kill(own.pid, "SIGKILL");
  };
  process.once("exit", killAll);
  const stop = async () => {
    if (up.exitCode === null && up.signalCode === null) {
      up.kill("SIGTERM");
      await once(up, "exit");
    }
    process.off("exit", killAll);
  };
  const waited = await runHeddle(["wait", "--timeout", `${READY_MS_MAX / 1_000}`], env);
  if (waited.code !== 0) {
    await stop();
    throw new Error(`the mesh does not start: ${waited.stderr}\n${output}`);
  }
  const cut: string[] = [];
  const inspectors = new Map<number, string>();

  return {
    addresses: [`127.0.0.1:${port}`],
    services: ALL_SERVICES,
    async restart(service) {
      let replaced = 0;
      const request = { type: "restart", service, timeoutMs: READY_MS_MAX } as const;
      const { outcome, reason } = await askSupervisor(folder, request, ({ step, process: name, note }) => {
        if (step !== "stopped") return;
        replaced++;
        if (note !== undefined) cut.push(`${name}: ${note}`);
      });
      if (outcome !== "done") throw new Error(`${service} was not restarted: ${reason}`);
      return replaced;
    },
    processes: () => state()?.services ?? [],
    async inspector({ name, replica, process: own }) {
      const pid = own?.pid;
      if (pid === undefined) throw new Error(`there is no process of ${name}`);
      const log = folder.logFile(replicaName(name, replica));
      const told = () => [...readFileSync(log, "utf8").matchAll(/Debugger listening on (ws:\S+)/g)];
      const before = told().length;
      if (!inspectors.has(pid)) process.kill(pid, "SIGUSR1");
      for (let look = 0; look < LOOKS_MAX && !inspectors.has(pid); look++) {
        await timers.sleep(LOOK_EVERY_MS);
        const url = told().slice(before).at(-1)?.[1];
        if (url !== undefined) inspectors.set(pid, url);
      }
      const url = inspectors.get(pid);
      if (url === undefined) throw new Error(`process ${pid} of ${name} does not open its inspector`);
      return url;
    },
    badEnds: () => [...cut, ...output.split("\n").filter((line) => BAD_END.test(line))],
    stop,
  };
};
