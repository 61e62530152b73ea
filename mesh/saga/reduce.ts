import type { SagaDefinition, SagaFailure } from "./define-saga.ts";
import type { FailedAttempt } from "./failed-attempt.ts";
import { PARK_ATTEMPTS } from "./limits.ts";
import { type AttemptsRecord, NO_ATTEMPTS, type SagaRecord, type StepRecord } from "./saga-record.ts";

/** What has happened to a saga. */
export type SagaEvent =
  /** An attempt at a step begins: at its action or commit on the way on, at its compensation on the way back. */
  | { readonly type: "began"; readonly step: number; readonly traceId: string }
  /** The action is done. */
  | { readonly type: "acted"; readonly step: number; readonly change: object | undefined }
  /** The commit is done. */
  | { readonly type: "committed"; readonly step: number; readonly change: object | undefined }
  /** Action or commit said no. */
  | { readonly type: "refused"; readonly step: number; readonly reason: string }
  /** The attempt ended with an error; `waitMs`: until the next one, if there is one. */
  | { readonly type: "failed"; readonly step: number; readonly attempt: FailedAttempt; readonly waitMs: number }
  /** The compensation is done. */
  | { readonly type: "compensated"; readonly step: number }
  /** The saga's time is over. */
  | { readonly type: "late"; readonly step: number }
  /** Everything is undone, and written. */
  | { readonly type: "ended" }
  /** What it comes to cannot be written. */
  | { readonly type: "stuck"; readonly attempt: FailedAttempt }
  /** An operator sets a parked saga going. */
  | { readonly type: "retried" };

/** The saga after something has happened to it. Pure. Decisions that the row has to know first leave it unsaved. */
export const reduce = (saga: SagaRecord, definition: SagaDefinition, event: SagaEvent, nowMs: number): SagaRecord => ({
  ...apply(saga, definition, event, nowMs),
  updateMs: nowMs,
});

const apply = (saga: SagaRecord, definition: SagaDefinition, event: SagaEvent, nowMs: number): SagaRecord => {
  switch (event.type) {
    case "began":
      return changeStep(saga, event.step, (step) => ({
        ...changeAttempts(saga, step, (attempts) => ({
          ...attempts,
          attempts: attempts.attempts + 1,
          startMs: attempts.startMs ?? nowMs,
          endMs: undefined,
          traceId: event.traceId,
        })),
        ...(saga.direction === "on" && { state: "running" }),
      }));
    case "acted": {
      const stays = definition.steps[event.step]?.commit !== undefined;
      const acted = changeStep(withChange(saga, event.change), event.step, (step) => ({
        ...succeeded(saga, step, nowMs),
        acted: true,
        state: stays ? "running" : "done",
      }));
      return stays ? acted : ifComplete(acted, nowMs);
    }
    case "committed": {
      const committed = changeStep(withChange(saga, event.change), event.step, (step) => ({
        ...succeeded(saga, step, nowMs),
        state: "done",
      }));
      return ifComplete(committed, nowMs);
    }
    case "refused":
      return turned(saga, event.step, { kind: "refused", reason: event.reason }, nowMs);
    case "late":
      return turned(saga, event.step, { kind: "timeout", reason: "DEADLINE_EXCEEDED" }, nowMs);
    case "failed":
      return failed(saga, definition, event, nowMs);
    case "compensated":
      return changeStep(saga, event.step, (step) => ({ ...succeeded(saga, step, nowMs), state: "compensated" }));
    case "ended":
      return { ...saga, endMs: nowMs };
    case "stuck":
      return { ...saga, parked: true, saved: false };
    case "retried":
      return goingAgain(saga, nowMs);
  }
};

const failed = (
  saga: SagaRecord,
  definition: SagaDefinition,
  { step: index, attempt, waitMs }: Extract<SagaEvent, { type: "failed" }>,
  nowMs: number,
): SagaRecord => {
  const noted = changeStep(saga, index, (step) =>
    changeAttempts(saga, step, (attempts) => ({
      ...attempts,
      failures: attempts.failures + 1,
      lastError: attempt.reason,
    })),
  );
  const waiting = { ...noted, dueMs: nowMs + waitMs };
  const step = definition.steps[index];
  const failures = attemptsOf(noted, index).failures;
  if (saga.direction === "back") return failures < PARK_ATTEMPTS ? waiting : parked(noted, index, attempt.reason);
  const parks = step?.onFailure === "park";
  const attemptsMax = step?.attemptsMax ?? (parks ? PARK_ATTEMPTS : Number.POSITIVE_INFINITY);
  if (!attempt.saysNo && failures < attemptsMax) return waiting;
  if (parks) return parked(noted, index, attempt.reason);
  return turned(noted, index, { kind: "failed", reason: attempt.reason }, nowMs, attempt.saysNo);
};

/** Turns the saga round at a step that was refused or given up. `noEffect`: its last attempt surely did nothing. */
const turned = (
  saga: SagaRecord,
  index: number,
  why: Pick<SagaFailure, "kind" | "reason">,
  nowMs: number,
  noEffect = why.kind === "refused",
): SagaRecord => {
  const steps = saga.steps.map((step, at): StepRecord => {
    if (at < index) return step.compensation === undefined ? step : { ...step, state: "compensating" };
    const owed = step.compensation !== undefined && mayHaveEffect(saga, step, at === index && noEffect);
    if (at > index) return owed ? { ...step, state: "compensating" } : step;
    const lastError = why.kind === "failed" ? why.reason : `${why.kind.toUpperCase()} ${why.reason}`;
    const action = { ...step.action, lastError, endMs: nowMs };
    return { ...step, action, state: owed ? "compensating" : "failed" };
  });
  const failure = { step: saga.steps[index]?.name ?? "", ...why };
  return { ...saga, steps, direction: "back", failure, dueMs: nowMs, saved: false };
};

/** Whether there may be something to undo: not where the only attempt that there ever was had no effect, or none was made. */
const mayHaveEffect = (saga: SagaRecord, { action, acted }: StepRecord, lastHadNone: boolean): boolean =>
  acted || saga.resumed || action.attempts > (lastHadNone ? 1 : 0);

const parked = (saga: SagaRecord, index: number, reason: string): SagaRecord => {
  const stopped = changeStep(saga, index, (step) => ({ ...step, state: "parked" }));
  const failure = saga.failure ?? { step: saga.steps[index]?.name ?? "", kind: "failed", reason };
  return { ...stopped, parked: true, failure, saved: false };
};

const goingAgain = (saga: SagaRecord, nowMs: number): SagaRecord => {
  const steps = saga.steps.map((step): StepRecord => {
    if (step.state !== "parked") return step;
    const again = changeAttempts(saga, step, (attempts) => ({ ...attempts, failures: 0 }));
    return { ...again, state: saga.direction === "on" ? "running" : "compensating" };
  });
  const failure = saga.direction === "on" ? undefined : saga.failure;
  return { ...saga, steps, parked: false, failure, dueMs: nowMs };
};

const ifComplete = (saga: SagaRecord, nowMs: number): SagaRecord =>
  saga.steps.every(({ state }) => state === "done") ? { ...saga, endMs: nowMs, saved: false } : saga;

const withChange = (saga: SagaRecord, change: object | undefined): SagaRecord =>
  change === undefined ? saga : { ...saga, state: { ...saga.state, ...change } };

const succeeded = (saga: SagaRecord, step: StepRecord, nowMs: number): StepRecord =>
  changeAttempts(saga, step, (attempts) => ({ ...attempts, failures: 0, lastError: "", endMs: nowMs }));

const changeStep = (saga: SagaRecord, index: number, change: (step: StepRecord) => StepRecord): SagaRecord => ({
  ...saga,
  steps: saga.steps.map((step, at) => (at === index ? change(step) : step)),
});

/** Changes the attempts that the saga is at: those of the action on the way on, of the compensation on the way back. */
const changeAttempts = (
  { direction }: SagaRecord,
  step: StepRecord,
  change: (attempts: AttemptsRecord) => AttemptsRecord,
): StepRecord =>
  direction === "on"
    ? { ...step, action: change(step.action) }
    : { ...step, compensation: change(step.compensation ?? NO_ATTEMPTS) };

const attemptsOf = ({ direction, steps }: SagaRecord, index: number): AttemptsRecord => {
  const step = steps[index];
  return (direction === "on" ? step?.action : step?.compensation) ?? NO_ATTEMPTS;
};
