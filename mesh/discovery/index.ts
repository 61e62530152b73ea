export { createOutbound, type Outbound } from "./outbound.ts";
export { type Offer, type Refusal, type Registration, register } from "./registration.ts";
