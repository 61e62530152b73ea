import { currentCall } from "@heddle/mesh/rpc";
import type { Clock } from "@heddle/mesh/runtime";
import type { SagaResult, Sagas, StartedSaga } from "@heddle/mesh/saga";

/** The part of the caller's time in which a saga is waited for; the rest is for the answer and its way. */
const WAIT_SHARE = 0.8;

/** Runs a saga while its caller waits; what is not done in the caller's time goes on without it. */
export const runInCallersTime = (
  { sagas, clock }: { sagas: Sagas; clock: Clock },
  started: StartedSaga,
): Promise<SagaResult> => {
  const leftMs = (currentCall()?.deadlineMs ?? Number.POSITIVE_INFINITY) - clock.monotonicMs();
  return sagas.run(started, { timeoutMs: leftMs * WAIT_SHARE });
};
