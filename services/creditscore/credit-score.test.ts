import fc from "fast-check";
import { expect, test } from "vitest";
import { bandOf, isSameScore, scoreFrom } from "./credit-score.ts";
import { nothingKnown, scoreInputs } from "./known-facts.ts";

const ADA = `cus_${"0".repeat(25)}1`;
const openingInputs = (customerId: string) => scoreInputs(nothingKnown(customerId));

test("the first score of a customer is made from its id alone, and repeats", () => {
  const first = scoreFrom(openingInputs(ADA));
  expect(first).toEqual(scoreFrom(openingInputs(ADA)));
  // Pinned: another value for the same id is another model, and needs another version.
  expect(first).toEqual({
    value: 587,
    band: "fair",
    factors: [{ kind: "base", points: 287 }],
    modelVersion: "2026.2",
  });
});

test("first scores spread over 500 to 700", () => {
  const values = Array.from({ length: 2000 }, (_, i) => scoreFrom(openingInputs(`cus_${i}`)).value);
  expect(Math.min(...values)).toBe(500);
  expect(Math.max(...values)).toBe(700);
  expect(new Set(values).size).toBe(201);
});

const inputs = fc.record({
  customerId: fc.string(),
  paymentCount: fc.nat(),
  creditUse: fc.option(fc.double({ min: 0, noNaN: true }), { nil: undefined }),
  accountAgeDays: fc.double({ min: 0, noNaN: true }),
  refundCount: fc.nat(),
  numberVerified: fc.boolean(),
});

test("whatever the inputs, the value lies in 300 to 850 and the factors explain it to the point, strongest first", () => {
  fc.assert(
    fc.property(inputs, (given) => {
      const { value, factors, band } = scoreFrom(given);
      expect(Number.isInteger(value) && value >= 300 && value <= 850).toBe(true);
      expect(300 + factors.reduce((sum, { points }) => sum + points, 0)).toBe(value);
      expect(band).toBe(bandOf(value));
      const strengths = factors.map(({ points }) => Math.abs(points));
      expect(strengths).toEqual(strengths.toSorted((a, b) => b - a));
      expect(strengths).not.toContain(0);
    }),
  );
});

test.each([
  [{ paymentCount: 3 }, "payment_history", 30],
  [{ paymentCount: 99 }, "payment_history", 80],
  [{ creditUse: 0 }, "credit_use", 25],
  [{ creditUse: 0.5 }, "credit_use", undefined],
  [{ creditUse: 0.75 }, "credit_use", -50],
  [{ creditUse: 7 }, "credit_use", -100],
  [{ accountAgeDays: 29.9 }, "account_age", undefined],
  [{ accountAgeDays: 60 }, "account_age", 2],
  [{ accountAgeDays: 9999 }, "account_age", 25],
  [{ refundCount: 2 }, "refunds", -10],
  [{ refundCount: 99 }, "refunds", -50],
  [{ numberVerified: true }, "verified_number", 20],
  [{ numberVerified: false }, "verified_number", undefined],
])("%o moves the score by its %s: %s", (known, kind, points) => {
  const { factors } = scoreFrom({ ...openingInputs(ADA), ...known });
  expect(factors.find((factor) => factor.kind === kind)?.points).toBe(points);
});

test.each([
  [300, "poor"],
  [579, "poor"],
  [580, "fair"],
  [669, "fair"],
  [670, "good"],
  [739, "good"],
  [740, "very_good"],
  [799, "very_good"],
  [800, "excellent"],
  [850, "excellent"],
])("%i is %s", (value, band) => {
  expect(bandOf(value)).toBe(band);
});

test.each([{ paymentCount: -1 }, { creditUse: Number.NaN }, { accountAgeDays: -0.1 }, { refundCount: Number.NaN }])(
  "no score is made from nonsense: %o",
  (nonsense) => {
    expect(() => scoreFrom({ ...openingInputs(ADA), ...nonsense })).toThrow(RangeError);
  },
);

test("scores are the same when value, factors and model are", () => {
  const score = scoreFrom(openingInputs(ADA));
  expect(isSameScore(score, structuredClone(score))).toBe(true);
  expect(isSameScore(score, { ...score, value: score.value + 1 })).toBe(false);
  expect(isSameScore(score, { ...score, modelVersion: "2026.1" })).toBe(false);
  expect(isSameScore(score, { ...score, factors: [] })).toBe(false);
  const other = { ...openingInputs(ADA), paymentCount: 1, refundCount: 2 };
  expect(isSameScore(score, scoreFrom(other))).toBe(false);
  expect(scoreFrom(other).value).toBe(score.value);
});
