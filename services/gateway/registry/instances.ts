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
  /** The next instance, in turn, that serves a service by its full name and is `fit`; undefined when none is. */
  pick(service: string, fit?: (instance: Instance) => boolean): Instance | undefined;
  /**
   * Returns what picks like `pick`, and asks what is fit only after a change: for what is asked again and again. It picks none
   * while services of different names would do, which are no replicas of each other, unless `owner` says whose instances.
   */
  picker(service: string, fit: (instance: Instance) => boolean, owner?: string): () => Instance | undefined;
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
  const turns = new Map<string, { next: number }>();
  const departed = new Map<string, string>();
  /** Those that are remembered alone, and have not come back. */
  const remembered = new Map<string, Instance>();
  const watchers = new Set<(change: Change) => void>();
  let sequence = 0n;
  /** The same as a number that costs nothing to compare. */
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
  const turnOf = (service: string, owner?: string) => {
    const key = turnKey(service, owner);
    const known = turns.get(key);
    if (known !== undefined) return known;
    const turn = { next: 0 };
    // One that nobody serves has no turn to keep.
    if (byService.get(service)?.some((instance) => owner === undefined || instance.serviceName === owner)) {
      turns.set(key, turn);
    }
    return turn;
  };
  const leave = (instance: Instance) => {
    const { instanceId } = instance;
    // It left before, and its id may be another's by now.
    if (entered.get(instanceId) !== instance) return;
    entered.delete(instanceId);
    remembered.delete(instanceId);
    for (const service of servicesOf(instance)) {
      const left = byService.get(service)?.filter((other) => other.instanceId !== instanceId) ?? [];
      if (left.every((other) => other.serviceName !== instance.serviceName)) {
        turns.delete(turnKey(service, instance.serviceName));
      }
      if (left.length > 0) {
        byService.set(service, left);
        continue;
      }
      byService.delete(service);
      turns.delete(service);
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
    pick: (service, fit = () => true) => inTurn(serving(service).filter(fit), turnOf(service)),
    picker(service, fit, owner) {
      let seen = -1;
      let candidates: readonly Instance[] = [];
      let turn = turnOf(service, owner);
      return () => {
        if (seen !== changes) {
          seen = changes;
          const fitting = serving(service).filter(
            (instance) => (owner === undefined || instance.serviceName === owner) && fit(instance),
          );
          candidates = namesOf(fitting).length > 1 ? [] : fitting;
          turn = turnOf(service, owner);
        }
        return inTurn(candidates, turn);
      };
    },
    list: () =>
      [...entered.values()].sort(
        (a, b) => compare(a.serviceName, b.serviceName) || compare(a.instanceId, b.instanceId),
      ),
    absence: (service) =>
      byService.has(service)
        ? "its instances are starting, draining, not well, or of a version that lacks the method"
        : departed.get(service),
    sequence: () => sequence,
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

const inTurn = (candidates: readonly Instance[], turn: { next: number }): Instance | undefined =>
  candidates[turn.next++ % candidates.length];

const turnKey = (service: string, owner: string | undefined): string =>
  owner === undefined ? service : `${owner} ${service}`;

const namesOf = (instances: readonly Instance[]): string[] =>
  [...new Set(instances.map(({ serviceName }) => serviceName))].sort(compare);

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
