import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { getOption, hasOption } from "@bufbuild/protobuf";
import type { Duration } from "@bufbuild/protobuf/wkt";
import { durationMs, MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import {
  access,
  cache,
  hedge,
  method_sunset,
  Priority,
  priority,
  rate_limit,
  service_sunset,
  timeout,
} from "@heddle/contracts/heddle/options/v1";

/** What a method's contract asks of the mesh; contracts without these options, such as health, get the defaults. */
export interface MethodOptions {
  /** Caps every deadline, in milliseconds; undefined where the contract sets no cap, or zero. */
  readonly timeoutMs: number | undefined;
  /** Who may call; nobody when the contract says nothing. */
  readonly access: AccessOptions;
  /** Undefined: never hedged. */
  readonly hedge: HedgeOptions | undefined;
  /** Undefined: never cached. */
  readonly cache: CacheOptions | undefined;
  /** Undefined: no bound of its own. */
  readonly rateLimit: RateLimitOptions | undefined;
  /** Whether the method, its service or its whole file is deprecated. */
  readonly deprecated: boolean;
  /** The day, `2027-03-31`, UTC, after which a deprecated method may be gone; undefined where none is set. */
  readonly sunset: string | undefined;
  /** How early calls are shed under overload. */
  readonly priority: "low" | "normal" | "high" | "critical";
  /** Whether a call may be sent again. */
  readonly idempotency: "unknown" | "idempotent" | "no-side-effects";
}

export interface AccessOptions {
  readonly public: boolean;
  readonly roles: readonly string[];
  readonly services: readonly string[];
}

export interface HedgeOptions {
  readonly delayMs: number;
  /** The first call and its copies. */
  readonly attemptsMax: number;
}

export interface CacheOptions {
  readonly maxAgeMs: number;
}

export interface RateLimitOptions {
  readonly callsPerSecond: number;
  /** Calls at once after a pause, at least 1. */
  readonly burst: number;
}

/** What the contract of a method asks of the mesh. Frozen; read once per method. */
export const methodOptions = (method: DescMethod): MethodOptions => {
  const known = read.get(method);
  if (known !== undefined) return known;
  const allowed = getOption(method, access);
  const options: MethodOptions = Object.freeze({
    timeoutMs: positiveMs(hasOption(method, timeout) ? getOption(method, timeout) : undefined),
    access: Object.freeze({
      public: allowed.public,
      roles: Object.freeze([...allowed.roles]),
      services: Object.freeze([...allowed.services]),
    }),
    hedge: hedgeOf(method),
    cache: cacheOf(method),
    rateLimit: rateLimitOf(method),
    deprecated: isDeprecated(method),
    sunset: getOption(method, method_sunset) || getOption(method.parent, service_sunset) || undefined,
    priority: STANDARD.test(method.parent.typeName)
      ? "critical"
      : (priorities[getOption(method, priority)] ?? "normal"),
    idempotency: idempotencies[method.idempotency],
  });
  read.set(method, options);
  return options;
};

/** Throws an Error that names every method of the service whose contract does not say who may call it. */
export const assertAccessDeclared = (service: DescService): void => {
  const silent = undeclaredAccess(service);
  if (silent.length === 0) return;
  throw new Error(
    `${service.typeName} does not say who may call ${silent.join(", ")}: add "option (heddle.options.v1.access)" to each.`,
  );
};

/** The methods of a service whose contract does not say who may call them. */
export const undeclaredAccess = (service: DescService): string[] =>
  service.methods.filter((method) => !hasOption(method, access)).map((method) => method.name);

/** What tells whether a service is well, and what it is: least of all when it has too much to do may it be silent. */
const STANDARD = /^grpc\.(?:health|reflection)\./;

const read = new WeakMap<DescMethod, MethodOptions>();

const priorities: { readonly [P in Priority]: MethodOptions["priority"] } = {
  [Priority.UNSPECIFIED]: "normal",
  [Priority.LOW]: "low",
  [Priority.NORMAL]: "normal",
  [Priority.HIGH]: "high",
  [Priority.CRITICAL]: "critical",
};

const idempotencies: { readonly [L in MethodOptions_IdempotencyLevel]: MethodOptions["idempotency"] } = {
  [MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN]: "unknown",
  [MethodOptions_IdempotencyLevel.IDEMPOTENT]: "idempotent",
  [MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS]: "no-side-effects",
};

const hedgeOf = (method: DescMethod): HedgeOptions | undefined => {
  if (!hasOption(method, hedge)) return undefined;
  const { delay, attemptsMax } = getOption(method, hedge);
  const delayMs = positiveMs(delay);
  return delayMs === undefined ? undefined : Object.freeze({ delayMs, attemptsMax });
};

const cacheOf = (method: DescMethod): CacheOptions | undefined => {
  if (!hasOption(method, cache)) return undefined;
  const maxAgeMs = positiveMs(getOption(method, cache).maxAge);
  return maxAgeMs === undefined ? undefined : Object.freeze({ maxAgeMs });
};

const rateLimitOf = (method: DescMethod): RateLimitOptions | undefined => {
  if (!hasOption(method, rate_limit)) return undefined;
  const { callsPerSecond, burst } = getOption(method, rate_limit);
  if (!(callsPerSecond > 0)) return undefined;
  return Object.freeze({ callsPerSecond, burst: burst > 0 ? burst : Math.max(1, Math.ceil(callsPerSecond)) });
};

const isDeprecated = (method: DescMethod): boolean =>
  [method.proto.options, method.parent.proto.options, method.parent.file.proto.options].some(
    (options) => options?.deprecated === true,
  );

const positiveMs = (duration: Duration | undefined): number | undefined => {
  const ms = duration === undefined ? 0 : durationMs(duration);
  return ms > 0 ? ms : undefined;
};
