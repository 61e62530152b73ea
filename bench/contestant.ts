import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

/** The core of what is measured, and that of everything beside it, which is the same where there is only one. */
export const MEASURED_CORE = 0;
export const OTHER_CORE = availableParallelism() > 1 ? 1 : 0;

/** A server process of a workload. */
export interface Contestant {
  /** `host:port`. */
  readonly address: string;
  readonly pid: number;
  /** Ends it by SIGTERM; resolves when it has exited. */
  stop(): Promise<void>;
}

/** A client process: it makes calls when it is told to, so that it is warm when it is measured. */
export interface ClientContestant {
  readonly pid: number;
  /** Makes so many calls. Resolves to how long they took, and the process's CPU time meanwhile. */
  run(calls: number): Promise<ClientResult>;
  stop(): Promise<void>;
}

export interface ClientResult {
  readonly seconds: number;
  readonly cpuMicros: number;
  /** Microseconds from a call to its reply that half, and 99 in 100, of the calls did not exceed. */
  readonly p50: number;
  readonly p99: number;
}

export interface SpawnOptions {
  /** The measured core by default. */
  readonly core?: number;
  readonly env?: NodeJS.ProcessEnv;
  /** Options of Node itself, for instance `--cpu-prof`. */
  readonly nodeOptions?: readonly string[];
}

/** A server of `bench/peers/`, which also answers questions by IPC. */
export interface Peer extends Contestant {
  /** Collects garbage, if the process was started with `--expose-gc`. */
  collectGarbage(): Promise<void>;
}

/** Starts a service of ours; it says by IPC where it listens. Its standard output, which has the log, goes nowhere. */
export const startService = async (name: string, options: SpawnOptions = {}): Promise<Contestant> => {
  const { pid, first, stop } = await startProcess([`services/${name}/main.ts`], options);
  return { address: (first as { address: string }).address, pid, stop };
};

/** Starts a server of `bench/peers/`, by its file's name. */
export const startPeer = async (name: string, args: readonly string[], options: SpawnOptions = {}): Promise<Peer> => {
  const { pid, first, ask, stop } = await startProcess([`bench/peers/${name}.ts`, ...args], options);
  return {
    address: (first as { address: string }).address,
    pid,
    stop,
    collectGarbage: async () => void (await ask("gc")),
  };
};

/** Starts a program that was installed; it serves once its port takes connections. */
export const startProgram = async (
  command: readonly string[],
  port: number,
  { core = MEASURED_CORE, env = {} }: Pick<SpawnOptions, "core" | "env"> = {},
): Promise<Contestant> => {
  const child = spawn("taskset", ["-c", String(core), ...command], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "inherit"],
  });
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`${command[0]} ended with ${child.exitCode}`);
    await sleep(20);
  }
  return contestant(child, `127.0.0.1:${port}`);
};

/** Starts a client of `bench/clients/`, by its file's name. */
export const startClient = async (
  name: string,
  args: readonly string[],
  options: SpawnOptions = {},
): Promise<ClientContestant> => {
  const { pid, ask, stop } = await startProcess([`bench/clients/${name}.ts`, ...args], options);
  return { pid, run: async (calls) => (await ask(calls)) as ClientResult, stop };
};

/** A program of ours that talks by IPC. */
export interface TalkingProcess {
  readonly pid: number;
  /** Its first word, for instance where it listens. */
  readonly first: unknown;
  ask(question: string | number): Promise<unknown>;
  stop(): Promise<void>;
}

/** Starts a program of ours by Node; resolves when it has said its first word. */
export const startProcess = async (
  args: readonly string[],
  { core = MEASURED_CORE, env = {}, nodeOptions = [] }: SpawnOptions = {},
): Promise<TalkingProcess> => {
  const node = [process.execPath, "--conditions=source", ...nodeOptions];
  const child = spawn("taskset", ["-c", String(core), ...node, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const first = await nextMessage(child);
  const { pid, stop } = contestant(child, "");
  return {
    pid,
    first,
    ask(question) {
      child.send(question);
      return nextMessage(child);
    },
    stop,
  };
};

/** A port that nothing listens on now, for programs that must be told theirs: the first one from `from` on. */
export const freePort = async (from = 20_000 + (process.pid % 10_000)): Promise<number> => {
  for (let port = from; ; port++) if (!(await accepts(port))) return port;
};

/** What a process says next; throws when it ends without a word. */
const nextMessage = (child: ChildProcess): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const heard = (message: unknown) => {
      child.off("exit", ended);
      resolve(message);
    };
    const ended = (code: number | null, signal: string | null) => {
      child.off("message", heard);
      reject(new Error(`${child.spawnargs.join(" ")} ended by ${code ?? signal} before it answered`));
    };
    child.once("message", heard);
    child.once("exit", ended);
  });

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });

const contestant = (child: ChildProcess, address: string): Contestant => ({
  address,
  // taskset becomes the process that it starts.
  pid: child.pid ?? 0,
  async stop() {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  },
});
