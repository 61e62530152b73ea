import type { Clock } from "@heddle/mesh/runtime";
import { Failure } from "../failure.ts";
import { GATEWAY } from "../services.ts";
import type { ControlHandler } from "./control-door.ts";
import type { ControlRequest, ControlResult, DeployRequest, Step } from "./control-messages.ts";
import { type Deployment, readDeployment, withOutcome, withRollout, writeDeployment } from "./deployment-file.ts";
import type { Fleet } from "./fleet.ts";

export interface ControlDeps {
  readonly fleet: Fleet;
  readonly clock: Clock;
  /** The services that are supervised. */
  readonly services: readonly string[];
  /** The folder of the deployments' files. */
  readonly folder: string;
}

/** Carries out what commands ask for: one thing per service at a time. */
export const controlHandler = ({ fleet, clock, services, folder }: ControlDeps): ControlHandler => {
  /** What is under way, by service. */
  const busy = new Map<string, string>();

  const alone = async <T>(names: readonly string[], what: string, work: () => Promise<T>): Promise<T> => {
    for (const name of names) {
      if (!services.includes(name)) {
        throw new Failure(`This mesh runs no ${name}.`, { next: `It runs ${services.join(", ")}.` });
      }
      const other = busy.get(name);
      if (other === undefined) continue;
      throw new Failure(`${name} is under way already: ${other}.`, {
        next: `Wait for it: heddle rollout status ${name}.`,
      });
    }
    for (const name of names) busy.set(name, what);
    try {
      return await work();
    } finally {
      for (const name of names) busy.delete(name);
    }
  };

  const scale = async (
    { counts, timeoutMs }: Extract<ControlRequest, { type: "scale" }>,
    tell: (step: Step) => void,
  ): Promise<ControlResult> => {
    const wanted = Object.entries(counts);
    if ((counts[GATEWAY] ?? 1) !== 1) {
      throw new Failure("A mesh has one gateway at its address.", {
        next: "Start another mesh, and name both gateways to the callers, for more.",
      });
    }
    return alone(Object.keys(counts), "heddle scale", async () => {
      // Kept first: a supervisor that ends meanwhile comes back with as many.
      for (const [name, replicas] of wanted) writeDeployment(folder, { ...readDeployment(folder, name), replicas });
      const ends = await Promise.allSettled(
        wanted.map(([name, count]) => {
          // As the file says, and not as the processes do: there may be none.
          const release = readDeployment(folder, name).release ?? undefined;
          return fleet.scale(name, { count, release }, { timeoutMs, tell });
        }),
      );
      for (const end of ends) if (end.status === "rejected") throw end.reason;
      return DONE;
    });
  };

  const deploy = async (request: DeployRequest, tell: (step: Step) => void): Promise<ControlResult> => {
    const { service, release, expected, kind, timeoutMs, watchMs } = request;
    const before = readDeployment(folder, service);
    if (before.release !== expected) {
      throw new Failure(`${service} runs ${before.release ?? "the working tree"} by now.`, { next: "Try again." });
    }
    const begun = withRollout(before, { kind, release, startMs: clock.nowMs() });
    writeDeployment(folder, begun);
    const end = (outcome: "done" | "rolled-back" | "interrupted", reason?: string): Deployment => {
      const ended = withOutcome(readDeployment(folder, service), outcome, clock.nowMs(), reason);
      writeDeployment(folder, ended);
      return ended;
    };
    try {
      const reason = await fleet.replace(service, release ?? undefined, { timeoutMs, watchMs, tell });
      end(reason === undefined ? "done" : "rolled-back", reason);
      return reason === undefined ? DONE : { type: "done", outcome: "rolled-back", reason };
    } catch (error) {
      end("interrupted", error instanceof Error ? error.message : String(error));
      throw error;
    }
  };

  const restart = async (
    { service, timeoutMs }: Extract<ControlRequest, { type: "restart" }>,
    tell: (step: Step) => void,
  ): Promise<ControlResult> => {
    const { release } = readDeployment(folder, service);
    const reason = await fleet.replace(service, release ?? undefined, { timeoutMs, watchMs: 0, tell });
    return reason === undefined ? DONE : { type: "done", outcome: "rolled-back", reason };
  };

  return (request, tell) => {
    if (request.type === "scale") return scale(request, tell);
    const work = () => (request.type === "restart" ? restart(request, tell) : deploy(request, tell));
    return alone([request.service], `heddle ${request.type}`, work);
  };
};

const DONE: ControlResult = { type: "done", outcome: "done" };

/**
 * What is to run of each service when a mesh starts. A rollout that its supervisor did not bring to its end has ended: the release of
 * before is in force.
 */
export const deploymentsAtStart = (
  folder: string,
  services: readonly string[],
  counts: Readonly<Record<string, number>>,
  clock: Clock,
): Map<string, Deployment> => {
  const deployments = new Map<string, Deployment>();
  for (const service of services) {
    const left = readDeployment(folder, service);
    const replicas = counts[service] ?? left.replicas;
    const ended = withOutcome(left, "interrupted", clock.nowMs());
    const deployment = replicas === ended.replicas ? ended : { ...ended, replicas };
    if (deployment !== left) writeDeployment(folder, deployment);
    deployments.set(service, deployment);
  }
  return deployments;
};
