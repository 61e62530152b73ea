import type { SagaDefinition, SagaFailure } from "./define-saga.ts";

/** How far a saga has come, as its row says and as its runner remembers. Times are milliseconds since the Unix epoch. */
export interface SagaRecord {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly key: string;
  /** What its steps hand on. */
  readonly state: object;
  readonly steps: readonly StepRecord[];
  /** "back": it is being undone, or was. */
  readonly direction: "on" | "back";
  /** True: nothing happens until somebody sets it going. */
  readonly parked: boolean;
  /** Why it is undone, or parked. */
  readonly failure: SagaFailure | undefined;
  /** W3C trace context of what started it. */
  readonly traceparent: string;
  /** When it is undone unless it is completed. */
  readonly deadlineMs: number;
  /** When the next attempt is due. */
  readonly dueMs: number;
  readonly createMs: number;
  readonly updateMs: number;
  readonly endMs: number | undefined;
  /** The instance that runs it, as its row says; "" when none does. */
  readonly runner: string;
  /** Counts the writes of its row. */
  readonly revision: number;
  /** False: the row does not know yet what was decided, and nothing may happen that rests on it. */
  readonly saved: boolean;
  /** True: it was read from its row, so that an earlier run may have done more than the row says. */
  readonly resumed: boolean;
}

export type StepState = "waiting" | "running" | "done" | "failed" | "compensating" | "compensated" | "parked";

export interface StepRecord {
  readonly name: string;
  readonly state: StepState;
  /** True: its action is done; its commit may not be. */
  readonly acted: boolean;
  readonly action: AttemptsRecord;
  /** There once the row has recorded that the action may run and is then to be undone: before its first attempt. */
  readonly compensation: AttemptsRecord | undefined;
}

/** The attempts of an action or of a compensation. */
export interface AttemptsRecord {
  /** How often it was tried. */
  readonly attempts: number;
  /** How often it failed in a row, since it was set going. */
  readonly failures: number;
  readonly lastError: string;
  readonly startMs: number | undefined;
  readonly endMs: number | undefined;
  readonly traceId: string;
}

export type SagaStatus = "running" | "compensating" | "completed" | "compensated" | "parked";

/** The state that operators see. */
export const statusOf = ({ direction, parked, endMs }: SagaRecord): SagaStatus => {
  if (endMs !== undefined) return direction === "on" ? "completed" : "compensated";
  if (parked) return "parked";
  return direction === "on" ? "running" : "compensating";
};

export const NO_ATTEMPTS: AttemptsRecord = {
  attempts: 0,
  failures: 0,
  lastError: "",
  startMs: undefined,
  endMs: undefined,
  traceId: "",
};

/** A saga of which nothing has happened yet. */
export const newSaga = (
  definition: SagaDefinition,
  begun: {
    id: string;
    key: string;
    state: object;
    traceparent: string;
    runner: string;
    nowMs: number;
    dueMs: number;
  },
): SagaRecord => {
  const { id, key, state, traceparent, runner, nowMs, dueMs } = begun;
  const steps = definition.steps.map(
    ({ name }): StepRecord => ({
      name,
      state: "waiting",
      acted: false,
      action: NO_ATTEMPTS,
      compensation: undefined,
    }),
  );
  return withCompensationsRecorded(
    {
      id,
      name: definition.name,
      version: definition.version,
      key,
      state,
      steps,
      direction: "on",
      parked: false,
      failure: undefined,
      traceparent,
      deadlineMs: nowMs + definition.timeoutMs,
      dueMs,
      createMs: nowMs,
      updateMs: nowMs,
      endMs: undefined,
      runner,
      revision: 1,
      saved: true,
      resumed: false,
    },
    definition,
  );
};

/**
 * The saga as it is to be written: with the compensation recorded of every step that may run before its row is written again. One
 * write covers all steps up to the next that has a transaction of its own, so that none is needed in between.
 */
export const withCompensationsRecorded = (saga: SagaRecord, definition: SagaDefinition): SagaRecord => {
  if (saga.direction === "back" || saga.endMs !== undefined) return saga;
  const from = saga.steps.findIndex(({ state }) => state !== "done");
  const to = definition.steps.findIndex((step, index) => index >= from && step.commit !== undefined);
  const last = to === -1 ? saga.steps.length - 1 : to;
  const steps = saga.steps.map((step, index) =>
    index >= from && index <= last && step.compensation === undefined && definition.steps[index]?.compensation
      ? { ...step, compensation: NO_ATTEMPTS }
      : step,
  );
  return { ...saga, steps };
};
