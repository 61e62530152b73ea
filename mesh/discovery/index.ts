export { type BalancerOptions, createBalancer } from "./balance/balance.ts";
export type { Balancer, Candidate, EndpointReport, Picker } from "./balancer.ts";
export { createDirectCalls } from "./direct/direct-calls.ts";
export type { Endpoint, EndpointSource } from "./endpoint.ts";
export { endpointFile } from "./endpoint-file.ts";
export { createOutbound, type Outbound } from "./outbound.ts";
export { type Outcome, outcomeOf } from "./outcome.ts";
export { type Offer, type Refusal, type Registration, register, registerWithAll } from "./registration.ts";
export { registryEndpoints } from "./registry-endpoints.ts";
