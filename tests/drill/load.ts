import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Prepared } from "./prepare.ts";
import { newTally, type Tally } from "./tally.ts";

/** What a client is told, as JSON in its argument. */
export interface LoadConfig {
  readonly client: string;
  /** The gateway's, `host:port` each. */
  readonly addresses: readonly string[];
  /** Calls at a time, beside the streams. */
  readonly workers: number;
  readonly prepared: Prepared;
}

/** A client that calls without a pause. */
export interface Load {
  readonly client: string;
  /** Calls that have ended so far, and those of them that failed. */
  progress(): { readonly calls: number; readonly failed: number };
  /** Rejects when the client ends by itself. */
  readonly broken: Promise<never>;
  /** Lets running calls end; resolves to what was counted. */
  stop(): Promise<Tally>;
  /** Ends it at once, if it has not ended. */
  kill(): void;
}

/** Starts a client as a process. A program of its own is told the same way as ours. */
export const startLoad = (config: LoadConfig, program?: readonly [string, ...string[]]): Load => {
  const [command, ...args] = program ?? [
    process.execPath,
    "--conditions=source",
    new URL("./load-client.ts", import.meta.url).pathname,
  ];
  const child: ChildProcess = spawn(command, [...args, JSON.stringify(config)], { stdio: ["pipe", "pipe", "inherit"] });
  const killed = () => void child.kill("SIGKILL");
  process.once("exit", killed);
  const endedEarly = () => new Error(`the client ${config.client} ended without a word of what it has counted`);
  let progress = { calls: 0, failed: 0 };
  let tally: Tally | undefined;
  if (child.stdout === null) throw new Error("no stdout");
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => {
    const said = JSON.parse(line) as { calls: number; failed: number } | { tally: Partial<Tally> };
    if ("tally" in said) tally = { ...newTally(), ...said.tally };
    else progress = said;
  });
  // When all that it wrote was read, not when the process is gone.
  const read = new Promise<void>((resolve) => lines.once("close", resolve));
  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => undefined);
  child.once("exit", () => broken.reject(endedEarly()));
  return {
    client: config.client,
    progress: () => progress,
    broken: broken.promise,
    async stop() {
      child.stdin?.on("error", () => undefined);
      child.stdin?.end("stop\n");
      await read;
      process.off("exit", killed);
      if (tally === undefined) throw endedEarly();
      return tally;
    },
    kill: killed,
  };
};
