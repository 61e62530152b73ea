import { expect, test } from "vitest";
import { Silence } from "./silence.ts";

test("lasts while calls wait, since the last answer", () => {
  const silence = new Silence();
  expect(silence.at(1_000)).toBe(0);
  silence.sent(1_000);
  silence.sent(1_040);
  expect(silence.at(1_050)).toBe(50);
  silence.answered(1_060);
  expect(silence.at(1_060)).toBe(0);
  expect(silence.at(1_100)).toBe(40);
  silence.answered(1_100);
  expect(silence.at(5_000)).toBe(0);
});

test("is kept when the last call has left, fades, and goes on with the next", () => {
  const silence = new Silence();
  silence.sent(0);
  silence.sent(10);
  silence.left(60);
  silence.left(100);
  expect(silence.at(100)).toBe(100);
  // A time constant of ten seconds.
  expect(silence.at(10_100)).toBeCloseTo(100 / Math.E);
  silence.sent(10_100);
  silence.left(10_150);
  expect(silence.at(10_150)).toBeCloseTo(50 + 100 * Math.exp(-1.005));
  silence.sent(10_150);
  silence.answered(10_151);
  expect(silence.at(10_151)).toBe(0);
});

test("is over when something else was heard", () => {
  const silence = new Silence();
  silence.sent(0);
  silence.left(500);
  silence.forget();
  expect(silence.at(500)).toBe(0);
  silence.sent(600);
  expect(silence.at(610)).toBe(10);
});
