import { fail, methodName, methodOptions } from "@heddle/mesh/contract";
import { callerName } from "@heddle/mesh/identity";
import { type Rated, type RateLimiterOptions, rateLimiter } from "@heddle/mesh/policy";
import type { Clock } from "@heddle/mesh/runtime";
import { RATE_LIMITED } from "../errors.ts";
import type { Checkpoint } from "./edge.ts";

/** Callers, each with a method, whose rates are remembered, at some 300 bytes each: those without an identity can have many addresses. */
const BUCKETS_MAX = 50_000;

/** Holds every caller to the rate that the contract of a method allows each. */
export const rateCheckpoint = ({
  clock,
  bucketsMax = BUCKETS_MAX,
}: { clock: Pick<Clock, "monotonicMs"> } & Partial<Pick<RateLimiterOptions, "bucketsMax">>): Checkpoint => {
  const limiter = rateLimiter({ clock, bucketsMax });
  return {
    prepare({ method, peer, facts }) {
      const { rateLimit } = methodOptions(method);
      if (rateLimit === undefined) return undefined;
      const name = methodName(method);
      const ofCaller = (): Rated => limiter.of(`${name} ${callerName(facts.caller, peer)}`, rateLimit);
      let { caller } = facts;
      let rated = ofCaller();
      return () => {
        if (caller !== facts.caller) {
          caller = facts.caller;
          rated = ofCaller();
        }
        const waitMs = rated.take();
        if (waitMs === 0) return undefined;
        const { callsPerSecond, burst } = rateLimit;
        const values = { method: name, callsPerSecond, burst, waitMs: Math.ceil(waitMs) };
        return fail(RATE_LIMITED, values, { retryDelayMs: waitMs });
      };
    },
  };
};
