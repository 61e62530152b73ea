export { BoundedCache, type Cached } from "./bounded-cache.ts";
export { ConcurrencyLimit } from "./concurrency-limit.ts";
export { type Rated, type RateLimit, type RateLimiter, type RateLimiterOptions, rateLimiter } from "./rate-limiter.ts";
export { type Flight, type SharedCalls, sharedCalls } from "./shared-calls.ts";
