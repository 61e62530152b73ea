import fc from "fast-check";
import { expect, test } from "vitest";
import type { SagaDefinition, SagaStep } from "./define-saga.ts";
import { next } from "./next.ts";
import { reduce } from "./reduce.ts";
import { newSaga, type SagaRecord, statusOf, withCompensationsRecorded } from "./saga-record.ts";

/** What an attempt comes to, in the world as it is. */
type Fate = "done" | "refused" | "no" | "lost before" | "lost after" | "crash before" | "crash after";

const FATES: readonly Fate[] = [
  "done",
  "done",
  "done",
  "refused",
  "no",
  "lost before",
  "lost after",
  "crash before",
  "crash after",
];

const nothing = async () => undefined;

const arbitraryStep = fc.record({
  acts: fc.boolean(),
  commits: fc.boolean(),
  compensates: fc.boolean(),
  parks: fc.boolean(),
  attemptsMax: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
});

const arbitraryDefinition = fc.array(arbitraryStep, { minLength: 1, maxLength: 6 }).map(
  (steps): SagaDefinition => ({
    name: "any",
    version: 1,
    timeoutMs: 100_000,
    steps: steps.map(({ acts, commits, compensates, parks, attemptsMax }, index): SagaStep<object> => {
      const action = acts || !commits;
      return {
        name: `step-${index}`,
        ...(action && { action: nothing }),
        ...(commits && { commit: nothing }),
        ...(action && compensates && { compensation: { name: `undo-${index}`, run: nothing } }),
        ...(parks && { onFailure: "park" as const }),
        ...(attemptsMax !== undefined && { attemptsMax }),
      };
    }),
  }),
);

/** A process that runs a saga and may crash at any moment; what is on the disk and in the world stays. */
const simulate = (definition: SagaDefinition, fates: readonly Fate[], ticks: readonly number[]) => {
  let nowMs = 0;
  let saga = newSaga(definition, {
    id: "sag_1",
    key: "k",
    state: {},
    traceparent: "",
    runner: "",
    nowMs,
    dueMs: nowMs,
  });
  let row = saga;
  let turned = false;
  let retries = 0;
  let lastCompensated = Number.POSITIVE_INFINITY;
  /** Steps whose effect is in the world, and not undone. */
  const effects = new Set<number>();
  const fateOf = (turn: number): Fate => fates[turn] ?? "done";
  const apply = (event: Parameters<typeof reduce>[2]) => {
    saga = reduce(saga, definition, event, nowMs);
  };
  const save = () => {
    saga = { ...withCompensationsRecorded(saga, definition), saved: true, revision: saga.revision + 1 };
    row = saga;
    turned ||= saga.direction === "back";
  };
  const crash = () => {
    // What a runner reads from a row it writes first, so that no other runs it.
    saga = { ...row, resumed: true, dueMs: nowMs };
    save();
    lastCompensated = Number.POSITIVE_INFINITY;
  };
  const error = { reason: "UNAVAILABLE", saysNo: false, retryDelayMs: 0 };
  for (let turn = 0; turn < 2_000; turn++) {
    if (turned) expect(saga.direction, "a saga that is being undone never goes on").toBe("back");
    const todo = next(saga, definition, nowMs);
    const fate = fateOf(turn);
    nowMs += ticks[turn] ?? 1;
    if (todo.do === "rest") {
      if (!saga.parked) return { saga, effects, retries, turns: turn };
      retries += 1;
      apply({ type: "retried" });
      save();
      continue;
    }
    if (todo.do === "wait") nowMs = Math.max(nowMs, todo.untilMs);
    else if (todo.do === "save") {
      if (fate === "crash before") crash();
      else save();
      if (fate === "crash after") crash();
    } else if (todo.do === "turn") apply({ type: "late", step: todo.step });
    else if (todo.do === "end") {
      apply({ type: "ended" });
      save();
    } else if (todo.do === "commit") {
      apply({ type: "began", step: todo.step, traceId: "" });
      if (fate === "crash before") crash();
      else if (fate === "lost before" || fate === "lost after")
        apply({ type: "failed", step: todo.step, attempt: error, waitMs: 5 });
      else {
        if (fate === "refused" || fate === "no") apply({ type: "refused", step: todo.step, reason: "NO" });
        else apply({ type: "committed", step: todo.step, change: undefined });
        save();
        if (fate === "crash after") crash();
      }
    } else if (todo.do === "act") {
      const step = definition.steps[todo.step];
      if (step?.compensation !== undefined) {
        expect(
          row.steps[todo.step]?.compensation,
          "a compensation is on the disk before its action runs",
        ).toBeDefined();
      }
      expect(row.direction, "no action runs once the disk says that the saga is undone").toBe("on");
      apply({ type: "began", step: todo.step, traceId: "" });
      if (fate === "done" || fate === "lost after" || fate === "crash after") effects.add(todo.step);
      if (fate === "done") apply({ type: "acted", step: todo.step, change: undefined });
      // One that has had its effect before says so again, and not no.
      else if ((fate === "refused" || fate === "no") && effects.has(todo.step))
        apply({ type: "acted", step: todo.step, change: undefined });
      else if (fate === "refused") apply({ type: "refused", step: todo.step, reason: "NO" });
      else if (fate === "no")
        apply({ type: "failed", step: todo.step, attempt: { ...error, saysNo: true }, waitMs: 5 });
      else if (fate === "lost before" || fate === "lost after")
        apply({ type: "failed", step: todo.step, attempt: error, waitMs: 5 });
      else crash();
    } else {
      expect(row.direction, "the turn is on the disk before anything is undone").toBe("back");
      expect(todo.step, "compensations run in reverse").toBeLessThanOrEqual(lastCompensated);
      lastCompensated = todo.step;
      apply({ type: "began", step: todo.step, traceId: "" });
      if (fate !== "lost before" && fate !== "crash before") effects.delete(todo.step);
      if (fate === "done" || fate === "refused" || fate === "no") apply({ type: "compensated", step: todo.step });
      else if (fate === "lost before" || fate === "lost after")
        apply({ type: "failed", step: todo.step, attempt: error, waitMs: 5 });
      else crash();
    }
  }
  throw new Error("the saga does not end");
};

const arbitraryLife = fc.record({
  definition: arbitraryDefinition,
  fates: fc.array(fc.constantFrom(...FATES), { maxLength: 120 }),
  ticks: fc.array(fc.constantFrom(0, 1, 1, 1, 40_000), { maxLength: 120 }),
});

test("every saga ends, whatever fails and whenever its process dies, and one that is undone leaves no effect", () => {
  const ends = { completed: 0, compensated: 0 };
  fc.assert(
    fc.property(arbitraryLife, ({ definition, fates, ticks }) => {
      const { saga, effects } = simulate(definition, fates, ticks);
      const status = statusOf(saga);
      if (status === "completed") {
        ends.completed += 1;
        expect(saga.steps.every(({ state }) => state === "done")).toBe(true);
        // What is done has had its effect.
        const acting = definition.steps.flatMap(({ action }, index) => (action === undefined ? [] : [index]));
        expect([...effects].sort()).toEqual(acting);
      } else {
        ends.compensated += 1;
        expect(status).toBe("compensated");
        expect(saga.failure).toBeDefined();
        const left = [...effects].filter((index) => definition.steps[index]?.compensation !== undefined);
        expect(left, "what can be undone is undone").toEqual([]);
      }
    }),
    { numRuns: 5_000 },
  );
  expect(Math.min(ends.completed, ends.compensated)).toBeGreaterThan(500);
});

test("deciding twice comes to the same, and changes nothing", () => {
  fc.assert(
    fc.property(arbitraryDefinition, fc.nat(200_000), (definition, nowMs) => {
      const saga: SagaRecord = newSaga(definition, {
        id: "s",
        key: "k",
        state: {},
        traceparent: "",
        runner: "",
        nowMs: 0,
        dueMs: 0,
      });
      const before = structuredClone(saga);
      expect(next(saga, definition, nowMs)).toEqual(next(saga, definition, nowMs));
      expect(saga).toEqual(before);
    }),
    { numRuns: 200 },
  );
});
