import { Code } from "@connectrpc/connect";
import { reasons } from "../contract/fail.ts";

const reason = reasons("heddle.saga.v1");

export const SAGA_NOT_FOUND = reason("SAGA_NOT_FOUND", Code.NotFound, "Saga {sagaId} does not exist in this service.");
export const SAGA_ENDED = reason(
  "SAGA_ENDED",
  Code.FailedPrecondition,
  "Saga {sagaId} has ended: it is {state}, and there is nothing to set going.",
);
export const ATTEMPT_TIMEOUT = reason(
  "ATTEMPT_TIMEOUT",
  Code.DeadlineExceeded,
  "An attempt at {step} was not done after {timeoutMs} ms.",
);
