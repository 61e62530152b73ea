export { Admission, type AdmissionState, type Claim, type Shedable } from "./admission/admission.ts";
export { RETRY_DELAY_MS, TOLD_EVERY_MS } from "./admission/limits.ts";
export { higherPriority, type Priority, parsePriority } from "./admission/priority.ts";
export { BoundedCache, type Cached } from "./bounded-cache.ts";
export { CIRCUIT_BREAKER, CircuitBreaker, type CircuitBreakerOptions } from "./circuit-breaker.ts";
export { ConcurrencyLimit } from "./concurrency-limit.ts";
export { faultyTransport, heldTooLong, injectedError } from "./inject-fault.ts";
export { type LiveRules, liveRules } from "./live-rules.ts";
export { type MethodPolicy, mayRepeat, methodPolicy, type Repeats, type Setting } from "./method-policy.ts";
export { type Rated, type RateLimit, type RateLimiter, type RateLimiterOptions, rateLimiter } from "./rate-limiter.ts";
export {
  decideRetry,
  type FailedAttempt,
  NEVER_AGAIN,
  PREVIOUS_ATTEMPTS,
  PUSHBACK,
  RETRY,
  type RetryDecision,
  type RetryOptions,
  readPreviousAttempts,
  readPushback,
} from "./retry.ts";
export { RETRY_BUDGET, RetryBudget, type RetryBudgetOptions } from "./retry-budget.ts";
export { type Flight, type SharedCalls, sharedCalls } from "./shared-calls.ts";
export {
  type CallRules,
  compileRules,
  type InjectedFault,
  plainVersion,
  type TrafficRules,
} from "./traffic-rules.ts";
