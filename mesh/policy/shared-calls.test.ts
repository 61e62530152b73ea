import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Flight, sharedCalls } from "./shared-calls.ts";

/** Shared calls whose outcomes are in the test's hands. */
const start = () => {
  const calls = sharedCalls<string>();
  const begun: { key: string; flight: Flight<string>; calledOff: number }[] = [];
  const told: string[] = [];
  const join = (key: string, name: string) =>
    calls.join(
      key,
      (outcome) => told.push(`${name}: ${outcome}`),
      (flight) => {
        const call = { key, flight, calledOff: 0 };
        begun.push(call);
        return () => {
          call.calledOff++;
        };
      },
    );
  return { calls, begun, told, join };
};

describe("calls that ask the same at the same time", () => {
  test("share one, and each is told its outcome once", () => {
    const { begun, told, join } = start();
    join("a", "one");
    join("a", "two");
    join("b", "three");
    expect(begun.map(({ key }) => key)).toEqual(["a", "b"]);
    begun[0]?.flight.settle("done");
    begun[0]?.flight.settle("again");
    expect(told).toEqual(["one: done", "two: done"]);
    join("a", "four");
    expect(begun).toHaveLength(3);
  });

  test("go on when the one that began it leaves, and end with the last", () => {
    const { calls, begun, told, join } = start();
    const leaveOne = join("a", "one");
    const leaveTwo = join("a", "two");
    leaveOne();
    expect(begun[0]?.calledOff).toBe(0);
    leaveTwo();
    leaveTwo();
    expect([begun[0]?.calledOff, calls.size]).toEqual([1, 0]);
    begun[0]?.flight.settle("late");
    expect(told).toEqual([]);
  });

  test("are not joined any more once what they bring is as of before", () => {
    const { calls, begun, told, join } = start();
    join("a", "old");
    calls.part();
    join("a", "new");
    begun[0]?.flight.settle("before");
    begun[1]?.flight.settle("after");
    expect(told).toEqual(["old: before", "new: after"]);
  });

  test("leave nothing behind when one ends as it begins, or cannot begin", () => {
    const calls = sharedCalls<string>();
    const told: string[] = [];
    const leave = calls.join(
      "a",
      (outcome) => told.push(outcome),
      ({ settle }) => {
        settle("at once");
        return () => told.push("called off");
      },
    );
    leave();
    expect([told, calls.size]).toEqual([["at once"], 0]);
    const begin = () => {
      throw new Error("no");
    };
    expect(() => calls.join("a", () => told.push("told"), begin)).toThrow("no");
    expect([told, calls.size]).toEqual([["at once"], 0]);
  });

  test("each have their own end, whoever leaves and whatever ends in whichever order", () => {
    const action = fc.oneof(
      fc.record({ join: fc.constantFrom("a", "b") }),
      fc.record({ leave: fc.nat(20) }),
      fc.record({ settle: fc.nat(20) }),
      fc.record({ part: fc.constant(true) }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const { calls, begun, told, join } = start();
        const leaves: { leave: () => void; hasLeft: boolean; name: string; call: number }[] = [];
        const joinable = new Map<string, number>();
        const over = new Set<number>();
        const waiting = (call: number) => leaves.filter((one) => one.call === call && !one.hasLeft);
        for (const each of actions) {
          if ("join" in each) {
            const name = String(leaves.length);
            const leave = join(each.join, name);
            const call = joinable.get(each.join) ?? begun.length - 1;
            expect(begun[call]?.key).toBe(each.join);
            joinable.set(each.join, call);
            leaves.push({ leave, hasLeft: false, name, call });
          } else if ("part" in each) {
            calls.part();
            joinable.clear();
          } else if ("leave" in each) {
            const one = leaves[each.leave];
            one?.leave();
            if (one === undefined || one.hasLeft) continue;
            one.hasLeft = true;
            const isLast = !over.has(one.call) && waiting(one.call).length === 0;
            if (isLast) over.add(one.call);
            if (isLast) for (const [key, call] of joinable) if (call === one.call) joinable.delete(key);
            expect(begun[one.call]?.calledOff ?? 0).toBe(isLast ? 1 : (begun[one.call]?.calledOff ?? 0));
          } else {
            const call = begun[each.settle];
            if (call === undefined) continue;
            const before = told.length;
            call.flight.settle("x");
            const expected = over.has(each.settle) ? [] : waiting(each.settle).map(({ name }) => `${name}: x`);
            expect(told.slice(before)).toEqual(expected);
            over.add(each.settle);
            for (const one of waiting(each.settle)) one.hasLeft = true;
            for (const [key, number] of joinable) if (number === each.settle) joinable.delete(key);
          }
          expect(calls.size).toBe(joinable.size);
        }
      }),
    );
  });
});
