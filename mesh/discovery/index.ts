export type { Balancer, Candidate } from "./balancer.ts";
export { createDirectCalls } from "./direct/direct-calls.ts";
export { leastInFlight } from "./direct/least-in-flight.ts";
export type { Endpoint, EndpointSource } from "./endpoint.ts";
export { endpointFile } from "./endpoint-file.ts";
export { createOutbound, type Outbound } from "./outbound.ts";
export { type Outcome, outcomeOf } from "./outcome.ts";
export { type Offer, type Refusal, type Registration, register, registerWithAll } from "./registration.ts";
export { registryEndpoints } from "./registry-endpoints.ts";
