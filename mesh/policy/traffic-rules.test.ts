import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { ActionSchema, RuleSchema } from "@heddle/contracts/heddle/traffic/v1";
import { OrderService } from "@heddle/contracts/order/v1";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileRules } from "./traffic-rules.ts";

/** Chance that a seed repeats (mulberry32). */
const seeded = (seed: number) => {
  let state = seed;
  return {
    below(exclusiveMax: number): number {
      state = (state + 0x6d2b_79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
      return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * exclusiveMax);
    },
  };
};

type Kind = NonNullable<MessageInitShape<typeof ActionSchema>["kind"]>;

const rulesOf = (...kinds: Kind[]) =>
  compileRules(
    kinds.map((kind, index) => create(RuleSchema, { id: `rul_${index}`, action: create(ActionSchema, { kind }) })),
  );

const split = (versions: Readonly<Record<string, number>>): Kind => ({
  case: "split",
  value: { service: "order", versions: Object.entries(versions).map(([version, weight]) => ({ version, weight })) },
});
const route = (value: string, version: string): Kind => ({
  case: "headerRoute",
  value: { service: "order", header: { name: "x-canary", value }, version },
});

const { placeOrder, getOrder, watchOrder } = OrderService.method;
const everybody = () => true;
const headers = (fields: Readonly<Record<string, string>> = {}) => ({
  method: getOrder,
  service: "order",
  header: (name: string) => fields[name],
});

/** How many of `calls` calls each version gets. */
const draw = (
  rules: ReturnType<typeof rulesOf>,
  calls: number,
  isThere = everybody as (version: string) => boolean,
) => {
  const random = seeded(1);
  const counts: Record<string, number> = {};
  const prepared = rules.of(headers());
  for (let call = 0; call < calls; call++) {
    const version = prepared?.version(random, isThere) ?? "any";
    counts[version] = (counts[version] ?? 0) + 1;
  }
  return counts;
};

test("without rules nothing is said of any call", () => {
  const rules = compileRules([]);
  expect(rules.isEmpty).toBe(true);
  expect(rules.of(headers())).toBeUndefined();
});

describe("a split", () => {
  test("gives each version its share, within five standard deviations of 100,000 calls", () => {
    const counts = draw(rulesOf(split({ "v1.3.0": 90, "v1.4.0": 10 })), 100_000);
    const deviation = Math.sqrt(100_000 * 0.9 * 0.1);
    expect(Math.abs((counts["1.4.0"] ?? 0) - 10_000)).toBeLessThan(5 * deviation);
    expect((counts["1.3.0"] ?? 0) + (counts["1.4.0"] ?? 0)).toBe(100_000);
  });

  test("gives whole shares exactly: 100 to 0 leaves the other nothing", () => {
    expect(draw(rulesOf(split({ "1.3.0": 100, "1.4.0": 0 })), 1_000)).toEqual({ "1.3.0": 1_000 });
  });

  test("is of one service alone", () => {
    const rules = rulesOf(split({ "1.3.0": 1 }));
    expect(rules.of({ ...headers(), service: "billing" })).toBeUndefined();
    expect(rules.of({ ...headers(), service: undefined })).toBeUndefined();
  });

  test("gives the share of a version that is not there to the others, in proportion; of none, to any", () => {
    const rules = rulesOf(split({ a: 60, b: 30, c: 10 }));
    const counts = draw(rules, 40_000, (version) => version !== "a");
    expect(counts.a).toBeUndefined();
    expect(Math.abs((counts.b ?? 0) - 30_000)).toBeLessThan(5 * Math.sqrt(40_000 * 0.75 * 0.25));
    expect(draw(rules, 10, () => false)).toEqual({ any: 10 });
    expect(draw(rulesOf(split({ a: 0, b: 1 })), 10, (version) => version === "a")).toEqual({ any: 10 });
  });

  test("never picks a version of weight zero, nor one that is not there", () => {
    const weights = fc.dictionary(fc.constantFrom("a", "b", "c", "d"), fc.nat(1_000_000), { minKeys: 1 });
    fc.assert(
      fc.property(weights, fc.subarray(["a", "b", "c", "d"]), fc.nat(), (versions, there, seed) => {
        const isThere = (version: string) => there.includes(version);
        const picked = rulesOf(split(versions)).of(headers())?.version(seeded(seed), isThere);
        const possible = Object.keys(versions).filter((version) => (versions[version] ?? 0) > 0 && isThere(version));
        expect(possible.length === 0 ? picked === undefined : possible.includes(picked ?? "")).toBe(true);
      }),
    );
  });
});

describe("a header's value", () => {
  const rules = rulesOf(split({ "1.3.0": 1 }), route("1", "v1.4.0"), route("2", "1.5.0"));
  const version = (value: string, isThere: (version: string) => boolean = everybody) =>
    rules.of(headers({ "x-canary": value }))?.version(seeded(1), isThere);

  test("sends to a version before the split, and every other value where the split says", () => {
    expect([version("1"), version("2"), version("3"), version("1 ")]).toEqual(["1.4.0", "1.5.0", "1.3.0", "1.3.0"]);
    expect(rules.of(headers({ "x-canary": "1" }))?.isPinned).toBe(true);
    expect(rules.of(headers())?.isPinned).toBe(false);
  });

  test("means nothing while its version is not there", () => {
    expect(version("1", (each) => each !== "1.4.0")).toBe("1.3.0");
  });
});

describe("a fault", () => {
  const fault = (
    value: { target: string; percent?: number; abortCode?: number; delayMs?: number },
    header?: string,
  ): Kind => ({
    case: "fault",
    value: {
      target: value.target,
      percent: value.percent ?? 100,
      abortCode: value.abortCode ?? 0,
      ...(header === undefined ? {} : { header: { name: "x-drill", value: header } }),
      ...(value.delayMs === undefined ? {} : { delay: { seconds: 0n, nanos: value.delayMs * 1e6 } }),
    },
  });
  const drawn = (rules: ReturnType<typeof rulesOf>, method = getOrder, fields = {}) =>
    rules.of({ ...headers(fields), method, service: undefined })?.fault(seeded(7));

  test("hits the method that it names, or each of the service's", () => {
    const ofMethod = rulesOf(fault({ target: "order.v1.OrderService/PlaceOrder", abortCode: Code.Unavailable }));
    expect(drawn(ofMethod, placeOrder as never)).toEqual({ ruleId: "rul_0", delayMs: 0, abort: Code.Unavailable });
    expect(drawn(ofMethod)).toBeUndefined();
    const ofService = rulesOf(fault({ target: "order.v1.OrderService", delayMs: 250 }));
    expect(drawn(ofService)).toEqual({ ruleId: "rul_0", delayMs: 250, abort: undefined });
    expect(drawn(ofService, watchOrder as never)).toMatchObject({ delayMs: 250 });
  });

  test("hits its share of the calls", () => {
    const rules = rulesOf(fault({ target: "order.v1.OrderService", percent: 2.5, abortCode: 14 }));
    const [prepared, random] = [rules.of(headers()), seeded(3)];
    let hit = 0;
    for (let call = 0; call < 100_000; call++) if (prepared?.fault(random) !== undefined) hit++;
    expect(Math.abs(hit - 2_500)).toBeLessThan(5 * Math.sqrt(100_000 * 0.025 * 0.975));
  });

  test("with a header hits calls with it alone, and the oldest that hits a call does", () => {
    const rules = rulesOf(
      fault({ target: "order.v1.OrderService/GetOrder", abortCode: Code.Internal }, "1"),
      fault({ target: "order.v1.OrderService", abortCode: Code.Unavailable }),
    );
    expect(drawn(rules)).toMatchObject({ ruleId: "rul_1" });
    expect(drawn(rules, getOrder, { "x-drill": "1" })).toMatchObject({ ruleId: "rul_0" });
  });
});

test("copies are made of unary methods without side effects, and of others that are named", () => {
  const mirror = (methods: string[]): Kind => ({
    case: "mirror",
    value: { service: "order", version: "v1.4.0", percent: 100, methods },
  });
  const mirrored = (methods: string[], method: typeof getOrder) =>
    rulesOf(mirror(methods))
      .of({ ...headers(), method })
      ?.mirror(seeded(1));
  expect(mirrored([], getOrder)).toBe("1.4.0");
  expect(mirrored([], placeOrder as never)).toBeUndefined();
  expect(mirrored(["order.v1.OrderService/PlaceOrder"], placeOrder as never)).toBe("1.4.0");
  expect(mirrored(["order.v1.OrderService/WatchOrder"], watchOrder as never)).toBeUndefined();
});
