import type { Instance } from "@heddle/contracts/heddle/registry/v1";
import { InstanceChangeKind, ServingState } from "@heddle/contracts/heddle/registry/v1";
import { fail } from "@heddle/mesh/contract";
import { INSTANCE_ENTERED, REGISTRY_FULL } from "../errors.ts";

/** One change of what runs. */
export interface Change {
  readonly kind: InstanceChangeKind;
  readonly instance: Instance;
  /** Numbers the changes of one run of the registry, from 1. */
  readonly sequence: bigint;
}

/** What runs. Pure state: no clock, no socket. */
export interface Instances {
  /** Throws when an instance cannot enter: its id is entered already, or there are too many. */
  check(instance: Instance): void;
  /** Enters an admitted instance; the returned function takes it out. Throws as `check` does. */
  enter(instance: Instance): () => void;
  /**
   * Enters one that was here before the gateway restarted: it takes calls until it is entered anew, until another is at its address, or
   * until the returned function is called. Throws as `check` does.
   */
  remember(instance: Instance): () => void;
  setState(instanceId: string, state: ServingState): void;
  /** Those that serve a service by its full name and take calls. */
  serving(service: string): readonly Instance[];
  /** The names of the services whose instances serve a service by its full name, such as those with an event feed. */
  owners(service: string): string[];
  /** Whether any instance serves a service. */
  serves(service: string): boolean;
  /** By service name, then by instance id. */
  list(): readonly Instance[];
  /** Why nobody serves a service that is known; undefined when it was never there. */
  absence(service: string): string | undefined;
  /** The number of the last change. */
  sequence(): bigint;
  /** The same as a number that costs nothing to compare. */
  changes(): number;
  /** Calls `changed` at each change until the returned function is called. */
  watch(changed: (change: Change) => void): () => void;
}

/** Far above what one gateway can route to; see `docs/concepts/gateway.md`. */
const INSTANCES_MAX = 10_000;
/** Services whose absence is explained, beyond those that run. */
const DEPARTED_MAX = 1_000;

export const createInstances = (): Instances => {
  const entered = new Map<string, Instance>();
  const byService = new Map<string, Instance[]>();
  const departed = new Map<string, string>();
  /** Those that are remembered alone, and have not come back. */
  const remembered = new Map<string, Instance>();
  const watchers = new Set<(change: Change) => void>();
  let sequence = 0n;
  let changes = 0;

  const tell = (kind: InstanceChangeKind, instance: Instance) => {
    sequence++;
    changes++;
    if (watchers.size === 0) return;
    // As it is now: a watcher may read it after the next change.
    const change: Change = { kind, instance: { ...instance }, sequence };
    for (const changed of watchers) changed(change);
  };
  const serving = (service: string) =>
    byService.get(service)?.filter(({ state }) => state === ServingState.SERVING) ?? [];
  const leave = (instance: Instance) => {
    const { instanceId } = instance;
    // It left before, and its id may be another's by now.
    if (entered.get(instanceId) !== instance) return;
    entered.delete(instanceId);
    remembered.delete(instanceId);
    for (const service of servicesOf(instance)) {
      const left = byService.get(service)?.filter((other) => other.instanceId !== instanceId) ?? [];
      if (left.length > 0) {
        byService.set(service, left);
        continue;
      }
      byService.delete(service);
      if (departed.size < DEPARTED_MAX || departed.has(service)) {
        departed.set(service, `its last instance, ${instanceId} at ${instance.address}, left`);
      }
    }
    tell(InstanceChangeKind.REMOVED, instance);
  };

  const check = ({ instanceId }: Instance) => {
    if (entered.has(instanceId) && !remembered.has(instanceId)) throw fail(INSTANCE_ENTERED, { instanceId });
    if (entered.size >= INSTANCES_MAX && !remembered.has(instanceId))
      throw fail(REGISTRY_FULL, { instances: entered.size });
  };

  const put = (instance: Instance) => {
    const { instanceId } = instance;
    entered.set(instanceId, instance);
    for (const service of servicesOf(instance)) {
      const others = byService.get(service)?.filter((other) => other.instanceId !== instanceId) ?? [];
      byService.set(service, [...others, instance]);
      departed.delete(service);
    }
  };

  return {
    check,
    enter(instance) {
      check(instance);
      // One that comes back is the same process with the same offer: nothing that is known of it is lost.
      const before = remembered.get(instance.instanceId);
      const isBack = before !== undefined && isSame(before, instance);
      for (const other of [...remembered.values()]) {
        const isGone = other === before ? !isBack : other.address === instance.address;
        if (isGone) leave(other);
      }
      remembered.delete(instance.instanceId);
      put(instance);
      tell(isBack ? InstanceChangeKind.UPDATED : InstanceChangeKind.ADDED, instance);
      return () => leave(instance);
    },
    remember(instance) {
      check(instance);
      remembered.set(instance.instanceId, instance);
      put(instance);
      tell(InstanceChangeKind.ADDED, instance);
      return () => leave(instance);
    },
    setState(instanceId, state) {
      const instance = entered.get(instanceId);
      if (instance === undefined || instance.state === state) return;
      instance.state = state;
      tell(InstanceChangeKind.UPDATED, instance);
    },
    owners: (service) => namesOf(serving(service)),
    serves: (service) => serving(service).length > 0,
    serving,
    list: () =>
      [...entered.values()].sort(
        (a, b) => compare(a.serviceName, b.serviceName) || compare(a.instanceId, b.instanceId),
      ),
    absence: (service) =>
      byService.has(service)
        ? "its instances are starting, draining, not well, or of a version that lacks the method"
        : departed.get(service),
    sequence: () => sequence,
    changes: () => changes,
    watch(changed) {
      watchers.add(changed);
      return () => watchers.delete(changed);
    },
  };
};

/** Whether two are one process that serves the same. */
const isSame = (a: Instance, b: Instance): boolean =>
  a.address === b.address &&
  a.serviceName === b.serviceName &&
  servicesOf(a).sort().join() === servicesOf(b).sort().join();

const servicesOf = (instance: Instance) => instance.packages.flatMap(({ services }) => services);

const namesOf = (instances: readonly Instance[]): string[] =>
  [...new Set(instances.map(({ serviceName }) => serviceName))].sort(compare);

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
