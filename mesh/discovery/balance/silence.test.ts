import { expect, test } from "vitest";
import { Silence } from "./silence.ts";

test("lasts while calls wait, since the last answer", () => {
  const silence = new Silence();
  expect([silence.at(1_000), silence.lasts]).toEqual([0, false]);
  silence.sent(1_000);
  silence.sent(1_040);
  expect([silence.at(1_050), silence.lasts]).toEqual([50, true]);
  silence.answered(1_060);
  expect(silence.at(1_060)).toBe(0);
  expect(silence.at(1_100)).toBe(40);
  silence.answered(1_100);
  expect([silence.at(5_000), silence.lasts]).toEqual([0, false]);
});

test("is kept when the last call has left, fades, and goes on with the next", () => {
  const silence = new Silence();
  silence.sent(0);
  silence.sent(10);
  silence.left(60, 0);
  silence.left(100, 0);
  expect([silence.at(100), silence.lasts]).toEqual([100, true]);
  // A time constant of ten seconds.
  expect(silence.at(10_100)).toBeCloseTo(100 / Math.E);
  silence.sent(10_100);
  silence.left(10_150, 0);
  expect(silence.at(10_150)).toBeCloseTo(50 + 100 * Math.exp(-1.005));
  silence.sent(10_150);
  silence.answered(10_151);
  expect(silence.at(10_151)).toBe(0);
});

test("is none for as long as an answer takes: copies that are called off say nothing", () => {
  const silence = new Silence();
  for (let count = 0; count < 1_000; count++) {
    silence.sent(count * 50);
    silence.left(count * 50 + 20, 25);
  }
  expect(silence.at(50_000)).toBe(0);
  silence.sent(50_000);
  silence.left(50_060, 25);
  expect(silence.at(50_060)).toBe(35);
});

test("is kept for half a minute at most, however long it was", () => {
  const silence = new Silence();
  silence.sent(0);
  expect(silence.at(600_000)).toBe(600_000);
  silence.left(600_000, 10);
  expect(silence.at(629_000)).toBeGreaterThan(100);
  expect(silence.at(630_000)).toBeLessThan(100);
});

test("is over when something else was heard, also while a call waits", () => {
  const silence = new Silence();
  silence.sent(0);
  silence.left(500, 0);
  silence.heard(500);
  expect(silence.at(500)).toBe(0);
  silence.sent(600);
  silence.heard(700);
  expect(silence.at(710)).toBe(10);
});
