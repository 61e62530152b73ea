import { type Instance, InstanceChangeKind, ServingState } from "@heddle/contracts/heddle/registry/v1";
import type { Logger } from "@heddle/mesh/observe";
import { backgroundCall, runInCall } from "@heddle/mesh/rpc";
import type { Reader, Store, Tx } from "@heddle/mesh/store";
import type { Admission } from "../admission/admission.ts";
import type { ContractStore } from "../store/contract-store.ts";
import type { InstanceStore } from "../store/instance-store.ts";
import type { ContractInForce, Contracts } from "./contracts.ts";
import type { Instances } from "./instances.ts";
import type { Learning } from "./learning.ts";

/** Instances beyond the gateway's own restart. */
export interface RememberedInstances {
  /** The gateway drains: those who leave from now on do so because of it, and are remembered. */
  keep(): void;
}

/**
 * Routes to the instances that were registered when the gateway stopped or died, until each has registered anew, and for no longer than
 * the gateway learns; and writes down those that are registered from now on. One that is gone is found out by the calls to it.
 */
export const rememberInstances = async (deps: {
  store: Store;
  remembered: InstanceStore;
  kept: ContractStore;
  instances: Instances;
  contracts: Contracts;
  admission: Pick<Admission, "recall">;
  learning: Learning;
  log: Logger;
}): Promise<RememberedInstances> => {
  const { store, remembered, kept, instances, contracts, admission, learning, log } = deps;
  let isDraining = false;
  /** Nobody's call: the one that an instance is registered by has ended when it leaves. */
  const write = (job: (tx: Tx) => Promise<void>) => {
    runInCall(backgroundCall(""), () => store.write(job)).catch((error: unknown) =>
      log.warn({ err: error }, "an instance was not written down"),
    );
  };

  const enter = async (instance: Instance): Promise<() => void> => {
    if (instance.state !== ServingState.SERVING) throw new Error("it took no calls");
    await admission.recall(instance.packages);
    contracts.check(instance.packages);
    const inForce = await store.read((reader) => inForceOf(instance, kept, reader));
    const withdraw = contracts.admit(instance.packages, inForce);
    const leave = instances.remember(instance);
    return () => {
      leave();
      withdraw();
    };
  };

  const forget: (() => void)[] = [];
  for (const instance of await store.read((reader) => remembered.all(reader))) {
    try {
      forget.push(await enter(instance));
    } catch (error) {
      // Its contract is no longer kept, or no longer right: it comes back by itself.
      log.debug({ err: error, instanceId: instance.instanceId }, "instance not remembered");
      write((tx) => remembered.drop(tx, instance.instanceId));
    }
  }
  if (forget.length > 0) log.info({ instances: forget.length }, "instances remembered until they register anew");
  learning.onEnd(() => {
    for (const leave of forget) leave();
  });
  instances.watch(({ kind, instance }) => {
    if (kind !== InstanceChangeKind.REMOVED) write((tx) => remembered.put(tx, instance));
    else if (!isDraining) write((tx) => remembered.drop(tx, instance.instanceId));
  });
  return {
    keep() {
      isDraining = true;
    },
  };
};

/** What callers see of an instance's packages. */
const inForceOf = async (
  { packages }: Instance,
  kept: ContractStore,
  reader: Reader,
): Promise<readonly ContractInForce[]> => {
  const found: ContractInForce[] = [];
  for (const { name } of packages) {
    const current = await kept.package(reader, name);
    const bytes = current && (await kept.bytes(reader, current.contractHash));
    if (current === undefined || bytes === undefined) throw new Error(`nothing is known of ${name}`);
    found.push({ packageName: name, hash: current.contractHash, bytes, sequence: current.sequence });
  }
  return found;
};
