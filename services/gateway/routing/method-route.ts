import type { DescMethod } from "@bufbuild/protobuf";
import type { Instance } from "@heddle/contracts/heddle/registry/v1";
import { methodOptions } from "@heddle/mesh/contract";
import { methodPolicy, type RetryBudget } from "@heddle/mesh/policy";
import { DEFAULT_RPC_LIMITS } from "@heddle/mesh/rpc";
import type { PickInstance } from "../registry/balancing.ts";

/** Where the calls of one method go. */
export interface MethodRoute {
  readonly method: DescMethod;
  /** The service's full name. */
  readonly service: string;
  /** Chooses among the instances that have the method and serve it. */
  readonly pick: PickInstance;
  /** Those that it chooses among. */
  readonly candidates: () => readonly Instance[];
  /** Milliseconds that the contract says a call may take; undefined where it says nothing. */
  readonly declaredMs: number | undefined;
  /** Milliseconds that a call may take; undefined for a stream without a bound. */
  readonly capMs: number | undefined;
  /** Bytes that the body of a request may have; undefined for streams, whose messages are bounded one by one. */
  readonly requestBytesMax: number | undefined;
  /** What the service may be sent again; undefined where each call of the method is sent once. */
  readonly budget: RetryBudget | undefined;
  /** Milliseconds that a reply may be given again; undefined where the contract says nothing, or calls are more than a question. */
  readonly cacheMs: number | undefined;
}

/** What gRPC puts before a message. */
const PREFIX_BYTES = 5;

export const methodRoute = (
  method: DescMethod,
  pick: PickInstance,
  candidates: MethodRoute["candidates"] = () => [],
  budget?: RetryBudget,
): MethodRoute => {
  const declaredMs = methodOptions(method).timeoutMs;
  const { methodKind } = method;
  const isOneRequest = methodKind === "unary" || methodKind === "server_streaming";
  return {
    method,
    service: method.parent.typeName,
    pick,
    candidates,
    declaredMs,
    capMs: declaredMs ?? (methodKind === "unary" ? DEFAULT_RPC_LIMITS.callTimeoutMs : undefined),
    requestBytesMax: isOneRequest ? DEFAULT_RPC_LIMITS.messageBytesMax + PREFIX_BYTES : undefined,
    // The gateway does not look into requests, so that it sees no request id.
    budget: methodPolicy(method).repeats.value === "every call" ? budget : undefined,
    cacheMs: cacheMsOf(method),
  };
};

const cacheMsOf = (method: DescMethod): number | undefined => {
  const { cache, idempotency } = methodOptions(method);
  return method.methodKind === "unary" && idempotency === "no-side-effects" ? cache?.maxAgeMs : undefined;
};
