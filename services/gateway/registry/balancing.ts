import type { Instance } from "@heddle/contracts/heddle/registry/v1";
import {
  type Balancer,
  type Candidate,
  createBalancer,
  type EndpointReport,
  type Picker,
} from "@heddle/mesh/discovery";
import { plainVersion } from "@heddle/mesh/policy";
import { clockOfTurns, type Runtime } from "@heddle/mesh/runtime";
import type { Instances } from "./instances.ts";

/**
 * Chooses the instance of a call: another than those at the addresses to avoid, where there is one; of one version alone, without a
 * `v` before it, where it is given. Undefined when there is none.
 */
export type PickInstance = (avoid?: readonly string[], version?: string) => Candidate | undefined;

/** Which instance a call goes to. What is learned of an instance holds for all of its methods. */
export interface Balancing {
  /**
   * Chooses among the instances that serve a service by its full name, take calls and are `fit`, which is asked again only after a
   * change. It picks none while services of different names would do, which are no replicas of each other, unless `owner` says
   * whose instances.
   */
  picker(service: string, fit: (instance: Instance) => boolean, owner?: string): PickInstance;
  /** How each instance does of those that it has chosen among, by service name. */
  describe(): readonly EndpointReport[];
}

export const createBalancing = ({
  instances,
  runtime,
  locality = "",
  changed,
}: {
  instances: Pick<Instances, "serving" | "list" | "changes">;
  runtime: Pick<Runtime, "clock" | "random">;
  /** Where the gateway runs: calls stay near where they can. */
  locality?: string;
  /** Told when an instance gets no more calls for what it has answered, and when it gets them again. */
  changed?: (report: EndpointReport) => void;
}): Balancing => {
  /** By the names of services. */
  const balancers = new Map<string, Balancer>();
  // A choice is quick next to a look at the clock.
  const clock = clockOfTurns(runtime.clock);
  let seen = -1;

  const refresh = () => {
    if (seen === instances.changes()) return;
    seen = instances.changes();
    const named = Map.groupBy(instances.list(), ({ serviceName }) => serviceName);
    for (const [name, balancer] of balancers) {
      const now = named.get(name);
      if (now === undefined) balancers.delete(name);
      else balancer.update(now);
    }
  };
  const balancerOf = (serviceName: string): Balancer => {
    refresh();
    const known = balancers.get(serviceName);
    if (known !== undefined) return known;
    const balancer = createBalancer({ clock, random: runtime.random, locality, ...(changed && { changed }) });
    balancer.update(instances.list().filter((instance) => instance.serviceName === serviceName));
    balancers.set(serviceName, balancer);
    return balancer;
  };

  return {
    picker(service, fit, owner) {
      let seenHere = -1;
      let fitting: readonly Instance[] = [];
      let all: Picker | undefined;
      const byVersion = new Map<string, Picker>();
      const among = (some: readonly Instance[]): Picker | undefined => {
        const [first] = some;
        // Services of different names are no replicas of each other.
        if (first === undefined || some.some(({ serviceName }) => serviceName !== first.serviceName)) return undefined;
        const ids = new Set(some.map(({ instanceId }) => instanceId));
        return balancerOf(first.serviceName).among(({ instanceId }) => ids.has(instanceId));
      };
      const ofVersion = (version: string): Picker | undefined => {
        const known = byVersion.get(version);
        if (known !== undefined) return known;
        const picker = among(fitting.filter((instance) => plainVersion(instance.version) === version));
        // Only of versions that there are, so that they are few.
        if (picker !== undefined) byVersion.set(version, picker);
        return picker;
      };
      return (avoid, version) => {
        if (seenHere !== instances.changes()) {
          seenHere = instances.changes();
          refresh();
          fitting = instances
            .serving(service)
            .filter((instance) => (owner === undefined || instance.serviceName === owner) && fit(instance));
          all = among(fitting);
          byVersion.clear();
        }
        return (version === undefined || all === undefined ? all : ofVersion(version))?.pick(avoid);
      };
    },
    describe() {
      refresh();
      return [...balancers.values()].flatMap((balancer) => balancer.describe());
    },
  };
};
