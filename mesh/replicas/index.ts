export { atHolder } from "./at-holder.ts";
export { fileBeats } from "./beats.ts";
export type { Lease, LeasedWork, Leases } from "./lease.ts";
export { type Replicas, SharedStoreReplicas } from "./replicas.ts";
export { soleReplica } from "./sole-replica.ts";
