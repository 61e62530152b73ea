export { Admission, type AdmissionState, type Claim, type Shedable } from "./admission/admission.ts";
export { RETRY_DELAY_MS, TOLD_EVERY_MS } from "./admission/limits.ts";
export { higherPriority, type Priority, parsePriority } from "./admission/priority.ts";
export { BoundedCache, type Cached } from "./bounded-cache.ts";
export { ConcurrencyLimit } from "./concurrency-limit.ts";
export { type Rated, type RateLimit, type RateLimiter, type RateLimiterOptions, rateLimiter } from "./rate-limiter.ts";
export { type Flight, type SharedCalls, sharedCalls } from "./shared-calls.ts";
