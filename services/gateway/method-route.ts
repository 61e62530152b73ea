import type { DescMethod } from "@bufbuild/protobuf";
import type { Instance } from "@heddle/contracts/heddle/registry/v1";
import { methodOptions } from "@heddle/mesh/contract";
import { DEFAULT_RPC_LIMITS } from "@heddle/mesh/rpc";

/** Where the calls of one method go. */
export interface MethodRoute {
  readonly method: DescMethod;
  /** The service's full name. */
  readonly service: string;
  /** The next instance, in turn, that has the method and serves it. */
  readonly next: () => Instance | undefined;
  /** Milliseconds that the contract says a call may take; undefined where it says nothing. */
  readonly declaredMs: number | undefined;
  /** Milliseconds that a call may take; undefined for a stream without a bound. */
  readonly capMs: number | undefined;
}

export const methodRoute = (method: DescMethod, next: () => Instance | undefined): MethodRoute => {
  const declaredMs = methodOptions(method).timeoutMs;
  const capMs = declaredMs ?? (method.methodKind === "unary" ? DEFAULT_RPC_LIMITS.callTimeoutMs : undefined);
  return { method, service: method.parent.typeName, next, declaredMs, capMs };
};
