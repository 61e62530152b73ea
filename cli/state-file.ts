import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Refusal } from "@heddle/mesh/discovery";
import { Failure } from "./failure.ts";
import { isAlive, type ProcessIdentity } from "./process-info.ts";

/** What runs on one data folder; written by its supervisor, read by every other command. */
export interface MeshState {
  readonly version: 1;
  readonly supervisor: ProcessIdentity;
  readonly mode: "processes" | "single-process";
  /** `stopped` after a drain that went to its end; a supervisor that was killed leaves another one behind. */
  readonly phase: "starting" | "running" | "stopping" | "stopped";
  readonly port: number;
  /** Where the mesh answers, for instance `http://127.0.0.1:8080`. */
  readonly gateway: string;
  /** Milliseconds since the Unix epoch. */
  readonly startMs: number;
  /** From start to all ready, in milliseconds; absent until then. */
  readonly readyAfterMs?: number | undefined;
  readonly services: readonly ServiceState[];
}

/** One process of a service, or the place where one is started again. */
export interface ServiceState {
  /** The service's. */
  readonly name: string;
  /** Which of its processes, from 1. Absent means 1. */
  readonly replica?: number | undefined;
  /** The release that it runs, such as `1.4.0+3fa94c1d2b77`; absent for the sources of the working tree. */
  readonly release?: string | undefined;
  readonly state: "starting" | "ready" | "refused" | "waiting" | "stopping" | "stopped" | "killed" | "failed";
  /** Absent while no process runs for it. */
  readonly process?: ProcessIdentity | undefined;
  readonly instanceId?: string | undefined;
  readonly version?: string | undefined;
  /** `host:port` of its own listener. */
  readonly address?: string | undefined;
  /** When the process that runs now was started, in milliseconds since the Unix epoch. */
  readonly startMs?: number | undefined;
  readonly restarts: number;
  /** Why the mesh does not admit it; present while the state is `refused`. */
  readonly refusal?: Refusal | undefined;
  /** How the process before ended. */
  readonly lastExit?: { readonly code: number | null; readonly signal: string | null } | undefined;
}

/** Thrown by `claimStateFile` when the mesh of this folder still runs. */
export class MeshRuns extends Error {
  readonly state: MeshState;
  constructor(state: MeshState) {
    super(`A mesh runs on this data folder already, supervised by process ${state.supervisor.pid}.`);
    this.name = "MeshRuns";
    this.state = state;
  }
}

/** What a command says that wanted the folder for itself. */
export const meshRunsFailure = (state: MeshState, folder: string): Failure =>
  new Failure(new MeshRuns(state).message, {
    next: `Stop it with heddle down --data ${folder}, or start another one with --data and --port.`,
  });

/** The state of a folder, or undefined when nothing was ever started there or the file cannot be understood. */
export const readState = (path: string): MeshState | undefined => {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
  try {
    const state: unknown = JSON.parse(text);
    return isMeshState(state) ? state : undefined;
  } catch {
    return undefined;
  }
};

/** The name of one process of a service: `customer` is the first, `customer#2` the second. */
export const replicaName = (service: string, replica = 1): string =>
  replica === 1 ? service : `${service}#${replica}`;

/** The names of the services of some processes, each once. */
export const serviceNames = (services: readonly ServiceState[]): string[] => [
  ...new Set(services.map(({ name }) => name)),
];

/** The services that are not started again, because no start of them would succeed. */
export const failedServices = (state: MeshState): string[] =>
  serviceNames(state.services.filter((service) => service.state === "failed"));

/** The services whose contracts the mesh refuses. */
export const refusedServices = (state: MeshState): string[] =>
  serviceNames(state.services.filter((service) => service.state === "refused"));

/** Throws a Failure when the mesh refuses services. */
export const throwIfRefused = (state: MeshState): void => {
  const refused = refusedServices(state);
  if (refused.length > 0) {
    throw new Failure(`${refused.join(", ")} refused by the mesh; the others serve.`, {
      next: "heddle status says why.",
    });
  }
};

/** True while the supervisor that wrote this state lives. */
export const supervisorLives = (state: MeshState): boolean => state.phase !== "stopped" && isAlive(state.supervisor);

/** Replaces the file in one step: a reader sees the old state or the new one, never a part. */
export const writeState = (path: string, state: MeshState): void => {
  const draft = `${path}.${state.supervisor.pid}`;
  writeFileSync(draft, serialize(state));
  renameSync(draft, path);
};

/**
 * Takes the folder for this supervisor. Of two that start at once only one gets it, because a hard link is made by one of them
 * only. Returns the state that a supervisor left behind which did not come to its end, so that its children can be seen to.
 *
 * @throws MeshRuns while the folder has a living supervisor.
 */
export const claimStateFile = (path: string, state: MeshState): MeshState | undefined => {
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${state.supervisor.pid}`;
  const taken = `${path}.${state.supervisor.pid}.old`;
  writeFileSync(draft, serialize(state));
  try {
    const before = readState(path);
    if (before !== undefined && supervisorLives(before)) throw new MeshRuns(before);
    moveAway(path, taken);
    const moved = readState(taken);
    if (moved !== undefined && supervisorLives(moved)) {
      // Somebody claimed the folder between our look and our move: give it back.
      renameSync(taken, path);
      throw new MeshRuns(moved);
    }
    linkOrLose(draft, path);
    return moved?.phase === "stopped" ? undefined : moved;
  } finally {
    rmSync(draft, { force: true });
    rmSync(taken, { force: true });
  }
};

const moveAway = (path: string, taken: string): void => {
  try {
    renameSync(path, taken);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
};

const linkOrLose = (draft: string, path: string): void => {
  try {
    linkSync(draft, path);
  } catch (error) {
    const winner = readState(path);
    if ((error as NodeJS.ErrnoException).code === "EEXIST" && winner !== undefined) throw new MeshRuns(winner);
    throw error;
  }
};

const serialize = (state: MeshState): string => `${JSON.stringify(state, undefined, 2)}\n`;

const isMeshState = (value: unknown): value is MeshState => {
  const state = value as MeshState;
  return (
    typeof value === "object" &&
    value !== null &&
    state.version === 1 &&
    typeof state.supervisor?.pid === "number" &&
    Array.isArray(state.services)
  );
};
