import { type Instance, InstanceChangeKind, ServingState } from "@heddle/contracts/heddle/registry/v1";
import type { Endpoint } from "./endpoint.ts";

/** An instance as whoever calls it keeps it: where it is, and what it serves. */
export interface KnownInstance extends Omit<Endpoint, "contractHash"> {
  readonly packages: readonly { readonly contractHash: string; readonly services: readonly string[] }[];
}

/** What runs, as the registry tells it. Pure state; each change answers with the services that it concerns. */
export interface KnownInstances {
  /** Takes what the registry says now. `isLearning`: what it does not name may well run, and stays. */
  snapshot(instances: readonly Instance[], isLearning: boolean): ReadonlySet<string>;
  change(kind: InstanceChangeKind, instance: Instance): ReadonlySet<string>;
  /** Takes what was known at another time, where nothing is known of it yet. */
  recall(instances: readonly KnownInstance[]): ReadonlySet<string>;
  /** Those that serve a service by its full name, by their ids. */
  endpoints(service: string): readonly Endpoint[];
  /** All of them, by their ids. */
  list(): readonly KnownInstance[];
}

/** As many as the registry lets in. */
const INSTANCES_MAX = 10_000;

export const createKnownInstances = (): KnownInstances => {
  let known = new Map<string, KnownInstance>();
  /** Made once for each instance: one that changes among a thousand costs no thousand others. */
  const made = new WeakMap<KnownInstance, ReadonlyMap<string, Endpoint>>();
  const endpointsOf = (instance: KnownInstance): ReadonlyMap<string, Endpoint> => {
    const before = made.get(instance);
    if (before !== undefined) return before;
    const { packages, instanceId, address, serviceName, version, locality } = instance;
    const endpoints = new Map(
      packages.flatMap(({ contractHash, services }) =>
        services.map((service) => {
          const endpoint: Endpoint = { instanceId, address, serviceName, version, locality, contractHash };
          return [service, endpoint] as const;
        }),
      ),
    );
    made.set(instance, endpoints);
    return endpoints;
  };

  /** A service whose instances were not told of keeps its endpoints' order and objects: only what differs is a change. */
  const put = (into: Map<string, KnownInstance>, instance: KnownInstance, touched: Set<string>) => {
    const before = known.get(instance.instanceId);
    if (into.size >= INSTANCES_MAX && !into.has(instance.instanceId)) return;
    if (before !== undefined && isSame(before, instance)) {
      into.set(before.instanceId, before);
      return;
    }
    into.set(instance.instanceId, instance);
    touch(touched, before);
    touch(touched, instance);
  };
  const remove = (from: Map<string, KnownInstance>, instanceId: string, touched: Set<string>) => {
    touch(touched, from.get(instanceId));
    from.delete(instanceId);
  };

  return {
    snapshot(instances, isLearning) {
      const touched = new Set<string>();
      const next = new Map<string, KnownInstance>();
      for (const instance of instances) if (takesCalls(instance)) put(next, keptOf(instance), touched);
      const told = new Set(instances.map(({ instanceId }) => instanceId));
      const addresses = new Set(instances.map(({ address }) => address));
      for (const before of known.values()) {
        if (next.has(before.instanceId)) continue;
        // Whoever listens at an address is the one that was told of last.
        const mayRun = isLearning && !told.has(before.instanceId) && !addresses.has(before.address);
        if (mayRun && next.size < INSTANCES_MAX) next.set(before.instanceId, before);
        else touch(touched, before);
      }
      known = next;
      return touched;
    },
    change(kind, instance) {
      const touched = new Set<string>();
      if (kind === InstanceChangeKind.REMOVED || !takesCalls(instance)) remove(known, instance.instanceId, touched);
      else {
        const kept = keptOf(instance);
        for (const { instanceId, address } of known.values()) {
          if (address === kept.address && instanceId !== kept.instanceId) remove(known, instanceId, touched);
        }
        put(known, kept, touched);
      }
      return touched;
    },
    recall(instances) {
      const touched = new Set<string>();
      for (const instance of instances) if (!known.has(instance.instanceId)) put(known, instance, touched);
      return touched;
    },
    endpoints(service) {
      const found: Endpoint[] = [];
      for (const instance of known.values()) {
        const endpoint = endpointsOf(instance).get(service);
        if (endpoint !== undefined) found.push(endpoint);
      }
      return found.sort(byId);
    },
    list: () => [...known.values()].sort(byId),
  };
};

const takesCalls = ({ state }: Instance): boolean => state === ServingState.SERVING;

const keptOf = ({ instanceId, address, serviceName, version, locality, packages }: Instance): KnownInstance => ({
  instanceId,
  address,
  serviceName,
  version,
  locality,
  packages: packages.map(({ contractHash, services }) => ({ contractHash, services })),
});

const touch = (touched: Set<string>, instance: KnownInstance | undefined): void => {
  for (const { services } of instance?.packages ?? []) for (const service of services) touched.add(service);
};

/** An instance's packages never change: another offer comes from another process. */
const isSame = (a: KnownInstance, b: KnownInstance): boolean =>
  a.address === b.address && a.version === b.version && a.serviceName === b.serviceName && a.locality === b.locality;

const byId = (a: { readonly instanceId: string }, b: { readonly instanceId: string }): number =>
  a.instanceId < b.instanceId ? -1 : a.instanceId > b.instanceId ? 1 : 0;
