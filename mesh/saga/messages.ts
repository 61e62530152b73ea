import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  SagaFailureKind,
  type Saga as SagaMessage,
  SagaSchema,
  SagaState,
  SagaStepState,
} from "@heddle/contracts/heddle/saga/v1";
import type { SagaDefinition, SagaFailure } from "./define-saga.ts";
import { type SagaRecord, type SagaStatus, type StepRecord, type StepState, statusOf } from "./saga-record.ts";

/** The saga as operators see it. `definition` names its compensations; a saga outlives its definition. */
export const sagaMessage = (saga: SagaRecord, definition: SagaDefinition | undefined): SagaMessage => {
  const status = statusOf(saga);
  const due = status === "running" || status === "compensating";
  return create(SagaSchema, {
    id: saga.id,
    name: saga.name,
    version: saga.version,
    state: STATES[status],
    key: saga.key,
    steps: saga.steps.map((step, index) => stepMessage(step, definition?.steps[index]?.compensation?.name ?? "")),
    createTime: timestampFromMs(saga.createMs),
    updateTime: timestampFromMs(saga.updateMs),
    deadlineTime: timestampFromMs(saga.deadlineMs),
    ...(due && { nextAttemptTime: timestampFromMs(saga.dueMs) }),
    ...times({ startMs: undefined, endMs: saga.endMs }),
    ...(saga.failure && { failure: { ...saga.failure, kind: KINDS[saga.failure.kind] } }),
  });
};

const stepMessage = ({ name, state, action, compensation }: StepRecord, compensationName: string) => ({
  name,
  state: STEP_STATES[state],
  attempts: action.attempts,
  lastError: action.lastError,
  traceId: action.traceId,
  ...times(action),
  ...(compensation !== undefined &&
    (state === "compensating" || compensation.attempts > 0) && {
      compensation: {
        name: compensationName,
        attempts: compensation.attempts,
        lastError: compensation.lastError,
        traceId: compensation.traceId,
        ...times(compensation),
      },
    }),
});

/** The times that there are. */
const times = ({ startMs, endMs }: { readonly startMs: number | undefined; readonly endMs: number | undefined }) => ({
  ...(startMs !== undefined && { startTime: timestampFromMs(startMs) }),
  ...(endMs !== undefined && { endTime: timestampFromMs(endMs) }),
});

/** The states that contracts name, by ours. */
export const STATES = {
  running: SagaState.RUNNING,
  compensating: SagaState.COMPENSATING,
  completed: SagaState.COMPLETED,
  compensated: SagaState.COMPENSATED,
  parked: SagaState.PARKED,
} as const satisfies Record<SagaStatus, SagaState>;

const STEP_STATES = {
  waiting: SagaStepState.WAITING,
  running: SagaStepState.RUNNING,
  done: SagaStepState.DONE,
  failed: SagaStepState.FAILED,
  compensating: SagaStepState.COMPENSATING,
  compensated: SagaStepState.COMPENSATED,
  parked: SagaStepState.PARKED,
} as const satisfies Record<StepState, SagaStepState>;

const KINDS = {
  refused: SagaFailureKind.REFUSED,
  failed: SagaFailureKind.FAILED,
  timeout: SagaFailureKind.TIMEOUT,
} as const satisfies Record<SagaFailure["kind"], SagaFailureKind>;
