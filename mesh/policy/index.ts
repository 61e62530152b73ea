export { BoundedCache, type Cached } from "./bounded-cache.ts";
export { ConcurrencyLimit } from "./concurrency-limit.ts";
export { faultyTransport, heldTooLong, injectedError } from "./inject-fault.ts";
export { type LiveRules, liveRules } from "./live-rules.ts";
export { type Rated, type RateLimit, type RateLimiter, type RateLimiterOptions, rateLimiter } from "./rate-limiter.ts";
export { type Flight, type SharedCalls, sharedCalls } from "./shared-calls.ts";
export {
  type CallRules,
  compileRules,
  type HeaderLookup,
  type InjectedFault,
  plainVersion,
  type TrafficRules,
} from "./traffic-rules.ts";
