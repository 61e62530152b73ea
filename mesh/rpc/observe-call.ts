import type { DescMethod } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@heddle/contracts/google/rpc";
import { toRpcError } from "../contract/map-error.ts";
import { traceIdOf } from "../observe/index.ts";
import type { MethodDeps } from "./serve-method.ts";

/** What is written down about one call. */
export interface ObservedCall {
  /** Ends the call with a status (0 is OK) and writes its one log line. Only the first end counts. */
  end(code: number): void;
  /** Ends the call with what a handler threw, and returns the error to answer with. */
  fail(error: unknown): ConnectError;
  /** Logs what kept the reply of a call that has ended from being sent, and returns the error to send instead. */
  unsent(error: ConnectError): ConnectError;
}

/** Codes that speak of a fault on our side. */
const OUR_FAULT: ReadonlySet<number> = new Set([Code.Internal, Code.Unknown, Code.DataLoss]);

/** Starts the record of one call: one log line, written when it ends, with method, code, duration, peer and trace id. */
export const observeCall = (call: {
  method: DescMethod;
  name: string;
  traceparent: string;
  peer: string;
  protocol: string;
  deps: MethodDeps;
}): ObservedCall => {
  const { name, traceparent, peer, protocol, deps } = call;
  const { clock, ids } = deps.runtime;
  const startMs = clock.monotonicMs();
  let ended = false;
  const end = (code: number, more?: { errorId?: string | undefined; err?: unknown; reason?: string | undefined }) => {
    if (ended) return;
    ended = true;
    const line = {
      method: name,
      code: code === 0 ? "OK" : (Code[code] ?? String(code)),
      durationMs: Math.round((clock.monotonicMs() - startMs) * 1000) / 1000,
      peer,
      protocol,
      traceId: traceIdOf(traceparent),
      ...more,
    };
    if (OUR_FAULT.has(code)) deps.log.error(line, "call");
    else deps.log.info(line, "call");
  };
  return {
    end: (code) => end(code),
    fail(thrown) {
      const { error, id } = toRpcError(thrown, { ids, domain: call.method.parent.file.proto.package });
      // The cause stays here: the caller gets the id, and the id leads to this line.
      const reason = error.findDetails(ErrorInfoSchema)[0]?.reason;
      end(error.code, { reason, errorId: id, ...(id === undefined ? {} : { err: thrown }) });
      return error;
    },
    unsent(cause) {
      const { error, id } = toRpcError(cause, { ids, domain: call.method.parent.file.proto.package });
      const line = { method: name, code: Code[error.code], traceId: traceIdOf(traceparent), errorId: id, err: cause };
      deps.log.error(line, "the reply could not be sent");
      return error;
    },
  };
};
