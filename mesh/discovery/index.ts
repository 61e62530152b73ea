export { type BalancerOptions, createBalancer } from "./balance/balance.ts";
export type { Balancer, Candidate, EndpointReport, Picker } from "./balancer.ts";
export type { Endpoint, EndpointSource } from "./endpoint.ts";
export { createOutbound, type Outbound } from "./outbound.ts";
export { type Outcome, outcomeOf } from "./outcome.ts";
export { type Offer, type Refusal, type Registration, register } from "./registration.ts";
