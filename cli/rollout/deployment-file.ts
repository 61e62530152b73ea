import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { isReleaseName, REPLICAS_MAX } from "./control-messages.ts";

/** What of a service is to run, and what was deployed before. Written by the supervisor, read by every other command. */
export interface Deployment {
  readonly version: 1;
  readonly service: string;
  /** The release in force; null for the sources of the working tree. */
  readonly release: string | null;
  readonly replicas: number;
  /** The latest last, at most ROLLOUTS_KEPT. */
  readonly rollouts: readonly Rollout[];
}

/** One time that a service was given another release. */
export interface Rollout {
  /** Counts the rollouts of the service from 1. */
  readonly number: number;
  readonly kind: "deploy" | "undo";
  readonly release: string | null;
  /** The release in force before. */
  readonly from: string | null;
  /** Milliseconds since the Unix epoch. */
  readonly startMs: number;
  readonly endMs?: number | undefined;
  /** `interrupted`: the supervisor ended meanwhile, and the release of before stayed in force. */
  readonly outcome: "running" | "done" | "rolled-back" | "interrupted";
  /** Why it was rolled back. */
  readonly reason?: string | undefined;
}

/** Rollouts of a service that are kept. */
const ROLLOUTS_KEPT = 100;

/** The path of a service's file in the folder of rollouts. */
const fileOf = (folder: string, service: string): string => join(folder, `${service}.json`);

/** A service of which nothing was deployed: one process, from the working tree. */
const nothingDeployed = (service: string): Deployment => ({
  version: 1,
  service,
  release: null,
  replicas: 1,
  rollouts: [],
});

/**
 * What is to run of a service, as its file says; one process of the working tree where there is none.
 *
 * @throws SyntaxError when the file cannot be understood: guessing would run another release than the one in force.
 */
export const readDeployment = (folder: string, service: string): Deployment => {
  const path = fileOf(folder, service);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return nothingDeployed(service);
    throw error;
  }
  const value: unknown = JSON.parse(text);
  if (!isDeployment(value, service)) throw new SyntaxError(`${path} is not what heddle writes`);
  return value;
};

/** Replaces the file in one step, on the disk when it returns: a supervisor that is killed leaves the old one or the new one. */
export const writeDeployment = (folder: string, deployment: Deployment): void => {
  const path = fileOf(folder, deployment.service);
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.draft`;
  const file = openSync(draft, "w", 0o600);
  try {
    // All of it or an error: a disk that fills up may take a part.
    writeFileSync(file, `${JSON.stringify(deployment, undefined, 2)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
};

/** A deployment with one more rollout that has begun. */
export const withRollout = (
  deployment: Deployment,
  { kind, release, startMs }: Pick<Rollout, "kind" | "release" | "startMs">,
): Deployment => {
  const number = (deployment.rollouts.at(-1)?.number ?? 0) + 1;
  const begun: Rollout = { number, kind, release, from: deployment.release, startMs, outcome: "running" };
  return { ...deployment, rollouts: [...deployment.rollouts, begun].slice(-ROLLOUTS_KEPT) };
};

/** A deployment whose last rollout has ended; its release is in force when the rollout was done. */
export const withOutcome = (
  deployment: Deployment,
  outcome: Exclude<Rollout["outcome"], "running">,
  endMs: number,
  reason?: string,
): Deployment => {
  const last = deployment.rollouts.at(-1);
  if (last?.outcome !== "running") return deployment;
  const ended: Rollout = { ...last, outcome, endMs, ...(reason === undefined ? {} : { reason }) };
  const release = outcome === "done" ? last.release : deployment.release;
  return { ...deployment, release, rollouts: [...deployment.rollouts.slice(0, -1), ended] };
};

/** The release that an undo goes back to: the one before the one in force; undefined where nothing was deployed. */
export const releaseBefore = ({ release, rollouts }: Deployment): string | null | undefined =>
  rollouts.findLast((rollout) => rollout.outcome === "done" && rollout.release === release)?.from;

const isDeployment = (value: unknown, service: string): value is Deployment => {
  const { version, service: name, release, replicas, rollouts } = (value ?? {}) as Deployment;
  return (
    version === 1 &&
    name === service &&
    (release === null || isReleaseName(release)) &&
    Number.isInteger(replicas) &&
    replicas >= 0 &&
    replicas <= REPLICAS_MAX &&
    Array.isArray(rollouts)
  );
};
