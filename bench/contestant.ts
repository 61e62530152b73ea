import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** A server process that a workload measures. */
export interface Contestant {
  /** `host:port`. */
  readonly address: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts a service of ours on the first core; it says by IPC where it listens. */
export const startService = async (name: string, env: NodeJS.ProcessEnv): Promise<Contestant> => {
  const child = spawnPinned([`services/${name}/main.ts`], env, ["ignore", "ignore", "inherit", "ipc"]);
  const [ready] = (await once(child, "message")) as [{ address: string }];
  return contestant(child, ready.address);
};

/** Starts a peer on the first core; it prints its port. */
export const startPeer = async (name: string, args: readonly string[]): Promise<Contestant> => {
  const child = spawnPinned([`bench/peers/${name}.ts`, ...args], {}, ["ignore", "pipe", "inherit"]);
  const [line] = (await once(child.stdout ?? child, "data")) as [Buffer];
  return contestant(child, `127.0.0.1:${line.toString().trim()}`);
};

const spawnPinned = (
  args: string[],
  env: NodeJS.ProcessEnv,
  stdio: ("ignore" | "inherit" | "pipe" | "ipc")[],
): ChildProcess =>
  spawn("taskset", ["-c", "0", process.execPath, "--conditions=source", ...args], {
    env: { ...process.env, ...env },
    stdio,
  });

const contestant = (child: ChildProcess, address: string): Contestant => ({
  address,
  // taskset becomes the process that it starts.
  pid: child.pid ?? 0,
  async stop() {
    if (child.exitCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  },
});
