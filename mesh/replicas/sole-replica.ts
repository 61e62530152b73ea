import type { Store } from "../store/store.ts";
import type { Lease, LeasedWork } from "./lease.ts";
import type { Replicas } from "./replicas.ts";

/** The only process on a store, or a service without one: everything is its own from the begin to the release. */
export const soleReplica = (instanceId: string, store: Store): Replicas => {
  const begins = new Map<string, (lease: Lease) => LeasedWork>();
  let works: LeasedWork[] = [];
  const release = async () => {
    await Promise.all(works.splice(0).map((work) => work.stop()));
  };
  return {
    instanceId,
    hold(name, begin) {
      if (begins.has(name)) throw new TypeError(`the lease ${name} is asked for twice: give each work a name`);
      begins.set(name, begin);
    },
    onGone() {},
    sure: () => true,
    holderOf: async () => ({ at: "here" }),
    async begin() {
      works = Array.from(begins, ([name, begin]) => begin({ name, store }));
    },
    release,
    leave: release,
  };
};
