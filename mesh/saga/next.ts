import type { SagaDefinition } from "./define-saga.ts";
import type { SagaRecord } from "./saga-record.ts";

/** What is to be done with a saga now. */
export type Next =
  /** Run the action of a step. */
  | { readonly do: "act"; readonly step: number }
  /** Run the commit of a step, in the transaction that records it. */
  | { readonly do: "commit"; readonly step: number }
  /** Run the compensation of a step. */
  | { readonly do: "compensate"; readonly step: number }
  /** The saga's time is over: turn round. */
  | { readonly do: "turn"; readonly step: number }
  /** Write the row before anything else is done. */
  | { readonly do: "save" }
  /** Everything is undone: end it, in the transaction of the domain's own change. */
  | { readonly do: "end" }
  | { readonly do: "wait"; readonly untilMs: number }
  /** Nothing: it has ended, or is parked. */
  | { readonly do: "rest" };

/** Decides what is to be done. Pure: the same saga at the same time comes to the same. */
export const next = (saga: SagaRecord, definition: SagaDefinition, nowMs: number): Next => {
  if (saga.endMs !== undefined || saga.parked) return saga.saved ? { do: "rest" } : { do: "save" };
  return saga.direction === "on" ? nextOn(saga, definition, nowMs) : nextBack(saga, nowMs);
};

const nextOn = (saga: SagaRecord, definition: SagaDefinition, nowMs: number): Next => {
  const step = saga.steps.findIndex(({ state }) => state !== "done");
  const record = saga.steps[step];
  const defined = definition.steps[step];
  if (record === undefined || defined === undefined) throw new Error(`saga ${saga.id} has no step to go on with`);
  const mayTurn = defined.onFailure !== "park";
  if (mayTurn && nowMs >= saga.deadlineMs) return { do: "turn", step };
  if (saga.dueMs > nowMs) return { do: "wait", untilMs: mayTurn ? Math.min(saga.dueMs, saga.deadlineMs) : saga.dueMs };
  if (defined.action === undefined || record.acted) return { do: "commit", step };
  // A compensation is recorded before its action runs.
  if (defined.compensation !== undefined && record.compensation === undefined) return { do: "save" };
  return { do: "act", step };
};

const nextBack = (saga: SagaRecord, nowMs: number): Next => {
  const step = saga.steps.findLastIndex(({ state }) => state === "compensating");
  if (step === -1) return { do: "end" };
  // A saga that has begun to undo must never go on again, also not after a crash.
  if (!saga.saved) return { do: "save" };
  return saga.dueMs > nowMs ? { do: "wait", untilMs: saga.dueMs } : { do: "compensate", step };
};
