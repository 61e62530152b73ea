import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Refusal } from "@heddle/mesh/discovery";

/** One process to supervise, and the services that run in it. */
export interface Program {
  /** Its own name in messages, one of a kind: `customer`, `customer#2`, or `mesh` for all in one process. */
  readonly name: string;
  readonly services: readonly string[];
  /** The script that it runs. */
  readonly file: string;
  readonly args?: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** True: started before the others and stopped after them. */
  readonly isGateway: boolean;
  /** Which of the processes of its service it is, from 1. Default 1. */
  readonly replica?: number;
  /** The release that it runs; undefined for the sources of the working tree. */
  readonly release?: string | undefined;
  /** A listening socket that the supervisor holds, and the program takes connections from. */
  readonly listenFd?: number | undefined;
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
  | {
      /** Answers `count`. */
      readonly type: "counts";
      readonly service: string;
      /** Calls that have ended since the start. */
      readonly calls: number;
      /** Those among them that failed by a fault of the service: UNKNOWN, INTERNAL, DATA_LOSS, DEADLINE_EXCEEDED, UNAVAILABLE. */
      readonly failures: number;
    }
  /** Answers `ping`. */
  | { readonly type: "pong"; readonly service: string }
  | { readonly type: "stopped"; readonly service: string };

/** What a supervisor says over the same channel. */
export interface SupervisorMessage {
  /** `count` asks how many calls have ended, and how many failed; `ping` for a sign of life. */
  readonly type: "count" | "ping";
}

/**
 * Starts a program on the Node that runs now, with a channel for its messages and its output on pipes. It gets a session of its own,
 * because Ctrl-C in a terminal goes to a whole group, and only the supervisor may decide who stops when.
 */
export const launch = ({ file, args = [], env, listenFd }: Program): ChildProcess =>
  fork(file, [...args], {
    execArgv: ["--conditions=source", "--disable-warning=ExperimentalWarning", SMALL_YOUNG_GENERATION],
    env: {
      NODE_COMPILE_CACHE: COMPILE_CACHE,
      ...env,
      ...(listenFd === undefined ? {} : { HEDDLE_LISTEN_FD: String(INHERITED_FD) }),
    },
    stdio: ["ignore", "pipe", "pipe", "ipc", ...(listenFd === undefined ? [] : [listenFd])],
    detached: true,
  });

/** The number of the first descriptor after the standard three and the channel. */
const INHERITED_FD = 4;

/** Tells a program's message from anything else that its channel may carry. */
export const isProgramMessage = (value: unknown): value is ProgramMessage => {
  const message = value as ProgramMessage | null;
  if (typeof message !== "object" || message === null || typeof message.service !== "string") return false;
  if (message.type === "refused") return Array.isArray(message.refusal?.violations);
  if (message.type === "counts") return Number.isFinite(message.calls) && Number.isFinite(message.failures);
  return (
    message.type === "stopped" ||
    message.type === "pong" ||
    (message.type === "ready" && typeof message.address === "string")
  );
};
