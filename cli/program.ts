import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Refusal } from "@heddle/mesh/discovery";

/** One process to supervise, and the services that run in it. */
export interface Program {
  /** Its own name in messages: the service's, or `mesh` for all in one process. */
  readonly name: string;
  readonly services: readonly string[];
  /** The script that it runs. */
  readonly file: string;
  readonly args?: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** True: started before the others and stopped after them. */
  readonly isGateway: boolean;
}

/** Megabytes of V8's young generation: eight services that each take the default of 16 hold memory that none of them needs. */
const SMALL_YOUNG_GENERATION = "--max-semi-space-size=4";

/** Where Node keeps compiled sources between starts: a start from there takes less time, and less memory. */
export const COMPILE_CACHE = fileURLToPath(new URL("../node_modules/.cache/heddle", import.meta.url));

/** What a supervised process says over its channel. */
export type ProgramMessage =
  | {
      readonly type: "ready";
      readonly service: string;
      /** The version of its package. */
      readonly version: string;
      readonly instanceId: string;
      readonly address: string;
      readonly startMs: number;
    }
  | {
      readonly type: "refused";
      readonly service: string;
      readonly version: string;
      readonly instanceId: string;
      /** Why the mesh does not admit it. */
      readonly refusal: Refusal;
    }
  | { readonly type: "stopped"; readonly service: string };

/**
 * Starts a program on the Node that runs now, with a channel for its messages and its output on pipes. It gets a session of its own,
 * because Ctrl-C in a terminal goes to a whole group, and only the supervisor may decide who stops when.
 */
export const launch = (program: Program): ChildProcess =>
  fork(program.file, [...(program.args ?? [])], {
    execArgv: ["--conditions=source", "--disable-warning=ExperimentalWarning", SMALL_YOUNG_GENERATION],
    env: { NODE_COMPILE_CACHE: COMPILE_CACHE, ...program.env },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    detached: true,
  });

/** Tells a program's message from anything else that its channel may carry. */
export const isProgramMessage = (value: unknown): value is ProgramMessage => {
  const message = value as ProgramMessage | null;
  if (typeof message !== "object" || message === null || typeof message.service !== "string") return false;
  if (message.type === "refused") return Array.isArray(message.refusal?.violations);
  return message.type === "stopped" || (message.type === "ready" && typeof message.address === "string");
};
