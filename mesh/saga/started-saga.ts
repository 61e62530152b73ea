import type { SagaFailure } from "./define-saga.ts";
import type { SagaRecord, SagaStatus } from "./saga-record.ts";

/** A saga that is written, or will be with its transaction. */
export interface StartedSaga {
  readonly id: string;
  readonly record: SagaRecord;
}

/** How far a saga had come when nobody waited for it any more. */
export interface SagaResult {
  readonly id: string;
  readonly status: SagaStatus;
  /** Why it is undone, or parked. */
  readonly failure: SagaFailure | undefined;
}
