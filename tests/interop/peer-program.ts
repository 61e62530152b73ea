import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { BareServer } from "./serve-bare.ts";

/** A peer in another language: a program of which go/main.go and python/interop.py say what it does. */
export interface PeerProgram {
  readonly command: string;
  /** What comes before its own arguments. */
  readonly args: readonly string[];
  /** A file with the contract. */
  readonly descriptorSet: string;
}

/** What became of one scenario; `wrong` is empty when all was well. */
export interface PeerOutcome {
  readonly scenario: string;
  readonly wrong: string;
  readonly calls?: number;
}

/** Runs all scenarios of a peer's client against an address. */
export const peerCalls = async (peer: PeerProgram, address: string): Promise<PeerOutcome[]> => {
  const { child, lines } = start(peer, ["call", peer.descriptorSet, address]);
  child.stdin?.end();
  const outcomes: PeerOutcome[] = [];
  for await (const line of lines) outcomes.push(JSON.parse(line));
  return outcomes;
};

/** Lets a peer's client call without a pause; `stop` resolves to what became of the calls. */
export const peerLoop = async (peer: PeerProgram, address: string): Promise<{ stop(): Promise<PeerOutcome> }> => {
  const { child, next } = start(peer, ["loop", peer.descriptorSet, address]);
  await next();
  return {
    async stop() {
      child.stdin?.end("\n");
      return JSON.parse(await next());
    },
  };
};

/** Starts a peer's server. Its `drain` hands the port over to a new one. */
export const peerServer = async (peer: PeerProgram): Promise<BareServer & { stop(): void }> => {
  const { child, next } = start(peer, ["server", peer.descriptorSet]);
  const port = Number(await next());
  return {
    port,
    async drain() {
      child.stdin?.write("\n");
      await next();
    },
    stop: () => void child.stdin?.end(),
  };
};

const start = ({ command, args }: PeerProgram, more: readonly string[]) => {
  const child: ChildProcess = spawn(command, [...args, ...more], { stdio: ["pipe", "pipe", "inherit"] });
  if (child.stdout === null) throw new Error("no stdout");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const line = await lines.next();
    if (line.done !== true) return line.value;
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    throw new Error(`${command} ended with ${child.exitCode ?? child.signalCode}`);
  };
  return { child, lines, next };
};
