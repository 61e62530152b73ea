import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { startBalancer } from "./fixtures/start-balancer.ts";

describe("a subset", () => {
  const many = Array.from({ length: 200 }, (_, index) => `r${index}`);
  const chosen = (key: string, ids: readonly string[] = many, size?: number) => {
    const { balancer } = startBalancer(ids, { subset: size === undefined ? { key } : { key, size } });
    return new Set(balancer.describe().map((each) => each.endpoint.instanceId));
  };

  test("is the same for the same caller, and another for another", () => {
    expect(chosen("x").size).toBe(100);
    expect(chosen("x", [...many].reverse())).toEqual(chosen("x"));
    expect(chosen("y")).not.toEqual(chosen("x"));
    expect(chosen("x", many.slice(0, 60)).size).toBe(60);
  });

  test("changes by one when one of it goes", () => {
    fc.assert(
      fc.property(fc.string(), fc.nat({ max: many.length - 1 }), (key, gone) => {
        const before = chosen(key, many, 20);
        const after = chosen(key, many.toSpliced(gone, 1), 20);
        const kept = [...before].filter((id) => after.has(id)).length;
        expect(kept).toBe(before.has(many[gone] as string) ? 19 : 20);
      }),
      { numRuns: 30 },
    );
  });

  test("leaves no endpoint without callers", () => {
    const callers = new Map(many.map((id) => [id, 0]));
    for (let index = 0; index < 100; index++) {
      for (const id of chosen(`caller ${index}`, many, 20)) callers.set(id, (callers.get(id) ?? 0) + 1);
    }
    // Ten each in the mean.
    expect(Math.min(...callers.values())).toBeGreaterThan(0);
    expect(Math.max(...callers.values())).toBeLessThan(30);
  });
});
