import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { LoggedCall } from "./call-log.ts";

const CALLS = new URL("./calls.ts", import.meta.url).pathname;

/** The load as a process; resolves once it calls. `prefix`: the command that the process runs under. */
export const startCalls = async (url: string, prefix: readonly string[] = []) => {
  const [command = "", ...args] = [...prefix, process.execPath, "--conditions=source", CALLS, url];
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const killed = () => void child.kill("SIGKILL");
  process.once("exit", killed);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const line = await lines.next();
    if (line.done === true) throw new Error("the load ended before its time");
    return line.value;
  };
  await next();
  return {
    /** Lets running calls end; resolves to every call that was made. */
    async stop(): Promise<LoggedCall[]> {
      child.stdin.end("stop\n");
      const calls = JSON.parse(await next()) as LoggedCall[];
      process.off("exit", killed);
      return calls;
    },
    kill: killed,
  };
};
