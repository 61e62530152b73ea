import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@heddle/contracts/google/rpc";
import { toRpcError } from "../contract/map-error.ts";
import type { CompiledMethod } from "./compile-method.ts";
import { statusFields } from "./grpc-status.ts";
import type { ServedCall } from "./served-call.ts";

/** Codes that speak of a fault on our side. */
const OUR_FAULT: ReadonlySet<number> = new Set([Code.Internal, Code.Unknown, Code.DataLoss]);

/** Writes a call's one line: method, code, duration, peer, protocol and trace id. */
export const logCall = (
  call: ServedCall,
  code: number,
  more:
    | { errorId?: string | undefined; err?: unknown; untold?: string | undefined; reason?: string | undefined }
    | undefined,
): void => {
  const { name, deps } = call.compiled;
  if (!deps.policies) return;
  if (code === 0 && more === undefined) {
    deps.log.call(call);
    return;
  }
  const durationMs = Math.round((deps.runtime.clock.monotonicMs() - call.startMs) * 1000) / 1000;
  const { peer, protocolName: protocol } = call;
  const traceId = call.trace.id;
  const line = { method: name, code: Code[code] ?? String(code), durationMs, peer, protocol, traceId, ...more };
  if (OUR_FAULT.has(code)) deps.log.error(line, "call");
  else deps.log.info(line, "call");
};

export interface MappedThrown {
  readonly error: ConnectError;
  /** Leads from what the caller gets to the line in the log, for an error that is not told. */
  readonly id: string | undefined;
  readonly reason: string | undefined;
  /** Why an error could not be told to the caller as it is. */
  readonly untold: string | undefined;
}

/** What was thrown as what a caller sees, and how the log tells it. */
export const mapThrown = (call: ServedCall, thrown: unknown): MappedThrown => {
  const { method, deps } = call.compiled;
  if (!deps.policies) return { error: asConnectHasIt(thrown), id: undefined, reason: undefined, untold: undefined };
  const { ids } = deps.runtime;
  const domain = method.parent.file.proto.package;
  let { error, id } = toRpcError(thrown, { ids, domain });
  const untold = whyUntold(error);
  if (untold !== undefined) ({ error, id } = toRpcError(new Error(untold, { cause: thrown }), { ids, domain }));
  return { error, id, reason: error.findDetails(ErrorInfoSchema)[0]?.reason, untold };
};

/** What is wrong with an error whose details cannot be encoded: no protocol has words for it. */
const whyUntold = (error: ConnectError): string | undefined => {
  try {
    if (error.details.length > 0) statusFields(error);
    return undefined;
  } catch (why) {
    return `its details cannot be encoded: ${why instanceof Error ? why.message : String(why)}`;
  }
};

/** An error as Connect's own server answers with it. */
const asConnectHasIt = (thrown: unknown): ConnectError =>
  thrown instanceof ConnectError
    ? thrown
    : new ConnectError("internal error", Code.Internal, undefined, undefined, thrown);

/** Logs that a reply could not be sent; returns the error to send instead. */
export const logUnsent = (call: ServedCall, cause: ConnectError): ConnectError => {
  const { name, deps } = call.compiled;
  const { error, id, untold } = mapThrown(call, cause);
  deps.log.error(
    { method: name, code: Code[error.code], traceId: call.trace.id, errorId: id, err: cause, untold },
    "the reply could not be sent",
  );
  return error;
};

/** Logs a request that was refused before its call began. */
export const logRefusal = ({ name, deps }: CompiledMethod, error: ConnectError, peer?: string): void =>
  deps.log.info(
    { method: name, code: Code[error.code], message: error.rawMessage, peer },
    "call refused before it was read",
  );
