import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { freePort } from "./mesh.ts";

const HEDDLE = new URL("../cli/bin/heddle.js", import.meta.url).pathname;

/** What a run of the command left. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A mesh that `heddle up` runs, as a user would. */
export interface HeddleUp {
  readonly url: string;
  readonly dataFolder: string;
  client<S extends DescService>(service: S): Client<S>;
  /** Runs another `heddle` command on this mesh. */
  heddle(...args: string[]): Promise<Finished>;
  /** What `up` has printed so far, both streams. */
  output(): string;
  /** Sends SIGTERM and waits; resolves to the exit code. */
  stop(): Promise<number>;
}

/** Runs `heddle up` on a free port and a folder of its own, and resolves when `heddle wait` says that all serve. */
export const heddleUp = async (...args: string[]): Promise<HeddleUp> => {
  const up = await launchHeddleUp(args);
  const waited = await up.heddle("wait", "--timeout", "60");
  if (waited.code === 0) return up;
  await up.stop();
  throw new Error(`${waited.stderr}\n${up.output()}`);
};

/** Starts `heddle up`, after `prepare` has seen to its data folder, and waits for nothing. */
export const launchHeddleUp = async (
  args: readonly string[],
  prepare: (dataFolder: string) => void = () => undefined,
): Promise<HeddleUp> => {
  const dataFolder = mkdtempSync(join(tmpdir(), "heddle-up-"));
  prepare(dataFolder);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  // No gateway of the shell: the mesh is its own.
  const env = { ...process.env, HEDDLE_GATEWAY: "", HEDDLE_DATA: dataFolder, HEDDLE_PORT: String(port), NO_COLOR: "1" };
  const up: ChildProcess = spawn(process.execPath, [HEDDLE, "up", ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [up.stdout, up.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const heddle = (...command: string[]) => runHeddle(command, env);
  const stop = async (): Promise<number> => {
    if (up.exitCode === null && up.signalCode === null) {
      up.kill("SIGTERM");
      await once(up, "exit");
    }
    rmSync(dataFolder, { recursive: true, force: true });
    return up.exitCode ?? -1;
  };
  const client = <S extends DescService>(service: S) => createClient(service, createGrpcTransport({ baseUrl: url }));
  return { url, dataFolder, client, heddle, output: () => output, stop };
};

/** Runs the command to its end. */
export const runHeddle = (args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Finished> =>
  new Promise((resolve) => {
    execFile(process.execPath, [HEDDLE, ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : error === null ? 0 : -1, stdout, stderr });
    });
  });
