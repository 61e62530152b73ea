import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fakeClock } from "../testing/index.ts";
import { BoundedCache } from "./bounded-cache.ts";

const start = ({ entriesMax = 3, bytesMax = 10_000 } = {}) => {
  const clock = fakeClock();
  return { clock, cache: new BoundedCache<string>({ clock, entriesMax, bytesMax }) };
};
const SMALL = { valueBytes: 10, maxAgeMs: 1_000 };

describe("a bounded cache", () => {
  test("gives a value with its age until it is too old", () => {
    const { clock, cache } = start();
    cache.put("a", "1", SMALL);
    clock.advance(999);
    expect(cache.get("a")).toEqual({ value: "1", ageMs: 999 });
    clock.advance(1);
    expect([cache.get("a"), cache.size, cache.bytes]).toEqual([undefined, 0, 0]);
  });

  test("forgets what was not asked for the longest time when there are too many", () => {
    const { cache } = start();
    for (const key of ["a", "b", "c"]) cache.put(key, key, SMALL);
    cache.get("a");
    cache.put("d", "d", SMALL);
    expect(["a", "b", "c", "d"].map((key) => cache.get(key)?.value)).toEqual(["a", undefined, "c", "d"]);
  });

  test("keeps no more bytes than it may, and no value that is too large alone", () => {
    const { cache } = start({ entriesMax: 100, bytesMax: 1_000 });
    cache.put("large", "x", { valueBytes: 1_000, maxAgeMs: 1_000 });
    expect(cache.size).toBe(0);
    for (let index = 0; index < 50; index++) cache.put(`key ${index}`, "x", { valueBytes: 100, maxAgeMs: 1_000 });
    expect(cache.bytes).toBeLessThanOrEqual(1_000);
    expect(cache.get("key 49")?.value).toBe("x");
    cache.clear();
    expect([cache.size, cache.bytes]).toEqual([0, 0]);
  });

  test("does what a list of everything that was put would do, within its bounds", () => {
    const action = fc.record({
      key: fc.constantFrom("a", "b", "c", "d", "e"),
      waitMs: fc.nat(400),
      put: fc.option(fc.record({ valueBytes: fc.nat(800), maxAgeMs: fc.integer({ min: 1, max: 1_000 }) })),
    });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 80 }), (actions) => {
        const { clock, cache } = start({ entriesMax: 3, bytesMax: 1_500 });
        const last = new Map<string, { value: string; putMs: number; maxAgeMs: number }>();
        for (const [index, { key, waitMs, put }] of actions.entries()) {
          clock.advance(waitMs);
          const nowMs = clock.monotonicMs();
          if (put !== null) {
            cache.put(key, String(index), put);
            last.set(key, { value: String(index), putMs: nowMs, maxAgeMs: put.maxAgeMs });
          } else {
            const found = cache.get(key);
            const wanted = last.get(key);
            if (found !== undefined) {
              expect(found).toEqual({ value: wanted?.value, ageMs: nowMs - (wanted?.putMs ?? 0) });
              expect(found.ageMs).toBeLessThan(wanted?.maxAgeMs ?? 0);
            }
          }
          expect(cache.size).toBeLessThanOrEqual(3);
          expect(cache.bytes).toBeLessThanOrEqual(1_500);
        }
      }),
    );
  });
});
