import { type DescMethod, hasOption } from "@bufbuild/protobuf";
import { priority } from "@heddle/contracts/heddle/options/v1";
import { type HedgeOptions, type MethodOptions, methodOptions, type RateLimitOptions } from "../contract/options.ts";
import { requestIdField } from "../contract/request-id.ts";
import { DEFAULT_RPC_LIMITS } from "../rpc/limits.ts";
import { CIRCUIT_BREAKER, type CircuitBreakerOptions } from "./circuit-breaker.ts";
import { RETRY } from "./retry.ts";
import { RETRY_BUDGET, type RetryBudgetOptions } from "./retry-budget.ts";

/** A setting that is in force, and why. */
export interface Setting<T> {
  readonly value: T;
  /** In a few words, such as `the contract: idempotency_level = IDEMPOTENT`. */
  readonly why: string;
}

/** Which calls of a method may be sent again. */
export type Repeats = "every call" | "calls with a request_id" | "never";

/** What is in force for the calls of one method. Compiled once from the contract. */
export interface MethodPolicy {
  /** `package.Service/Method`. */
  readonly method: string;
  /** Milliseconds that a call may take, whatever its caller asks for; undefined: as long as both sides want it. */
  readonly timeoutMs: Setting<number | undefined>;
  readonly repeats: Setting<Repeats>;
  /** Times that a call is sent at most, the first among them. */
  readonly attemptsMax: Setting<number>;
  /** Undefined: a call that is slow is not sent a second time. */
  readonly hedge: Setting<HedgeOptions | undefined>;
  /** What retries and hedges may add to the load of the service. */
  readonly retryBudget: Setting<RetryBudgetOptions>;
  readonly circuitBreaker: Setting<CircuitBreakerOptions>;
  readonly priority: Setting<MethodOptions["priority"]>;
  readonly rateLimit: Setting<RateLimitOptions | undefined>;
  /** Milliseconds that a reply may be given again; undefined: never. */
  readonly cacheMs: Setting<number | undefined>;
}

/** The policy of a method. Frozen; read once per method. */
export const methodPolicy = (method: DescMethod): MethodPolicy => {
  const known = compiled.get(method);
  if (known !== undefined) return known;
  const options = methodOptions(method);
  const repeats = repeatsOf(method, options);
  const hedge = hedgeOf(method, options, repeats.value);
  const policy: MethodPolicy = Object.freeze({
    method: `${method.parent.typeName}/${method.name}`,
    timeoutMs: timeoutOf(method, options),
    repeats,
    attemptsMax: attemptsOf(repeats.value, hedge.value),
    hedge,
    retryBudget: setting(RETRY_BUDGET, "default, for all methods of the service together"),
    circuitBreaker: setting(CIRCUIT_BREAKER, "default, for all methods of the service together"),
    priority: setting(
      options.priority,
      hasOption(method, priority) ? "the contract: priority" : "default: the contract declares no priority",
    ),
    rateLimit: setting(
      options.rateLimit,
      options.rateLimit === undefined ? "default: the contract declares no rate_limit" : "the contract: rate_limit",
    ),
    cacheMs: cacheOf(method, options),
  });
  compiled.set(method, policy);
  return policy;
};

const compiled = new WeakMap<DescMethod, MethodPolicy>();

const setting = <T>(value: T, why: string): Setting<T> => Object.freeze({ value, why });

const LEVELS = { idempotent: "IDEMPOTENT", "no-side-effects": "NO_SIDE_EFFECTS" } as const;

const repeatsOf = (method: DescMethod, { idempotency }: MethodOptions): Setting<Repeats> => {
  const { methodKind } = method;
  if (methodKind !== "unary" && methodKind !== "server_streaming")
    return setting("never", "the kind of method: a stream of requests cannot be sent again");
  if (idempotency !== "unknown")
    return setting("every call", `the contract: idempotency_level = ${LEVELS[idempotency]}`);
  if (methodKind === "unary" && requestIdField(method.input) !== undefined)
    return setting("calls with a request_id", "the contract: the same request_id takes effect once (AIP-155)");
  return setting("never", "the contract: no idempotency_level, and no request_id");
};

const hedgeOf = (
  { methodKind }: DescMethod,
  { hedge }: MethodOptions,
  repeats: Repeats,
): Setting<HedgeOptions | undefined> => {
  if (hedge === undefined) return setting(undefined, "default: the contract declares no hedge");
  if (methodKind !== "unary") return setting(undefined, "the kind of method: only unary calls are hedged");
  if (repeats !== "every call")
    return setting(undefined, "the contract: hedge means nothing without idempotency_level");
  return setting(hedge, "the contract: hedge");
};

const attemptsOf = (repeats: Repeats, hedge: HedgeOptions | undefined): Setting<number> => {
  if (repeats === "never") return setting(1, "calls are never repeated");
  const attemptsMax = Math.max(RETRY.attemptsMax, hedge?.attemptsMax ?? 0);
  return setting(attemptsMax, attemptsMax > RETRY.attemptsMax ? "the contract: hedge.attempts_max" : "default");
};

const timeoutOf = ({ methodKind }: DescMethod, { timeoutMs }: MethodOptions): Setting<number | undefined> => {
  if (timeoutMs !== undefined) return setting(timeoutMs, "the contract: timeout");
  return methodKind === "unary"
    ? setting(DEFAULT_RPC_LIMITS.callTimeoutMs, "default of unary methods: the contract sets no timeout")
    : setting(
        undefined,
        "the kind of method: a stream without a timeout in the contract lasts as long as both sides want it",
      );
};

const cacheOf = ({ methodKind }: DescMethod, { cache, idempotency }: MethodOptions): Setting<number | undefined> => {
  if (cache === undefined) return setting(undefined, "default: the contract declares no cache");
  return methodKind === "unary" && idempotency === "no-side-effects"
    ? setting(cache.maxAgeMs, "the contract: cache")
    : setting(undefined, "the contract: cache means nothing on a method that is more than a question");
};

/** Whether this call of a method may take effect twice without harm. `request`: the message, or what is to become one. */
export const mayRepeat = (method: DescMethod, repeats: Repeats, request: object): boolean => {
  if (repeats !== "calls with a request_id") return repeats === "every call";
  const name = requestIdField(method.input)?.localName as keyof typeof request | undefined;
  return name !== undefined && typeof request[name] === "string" && request[name] !== "";
};
