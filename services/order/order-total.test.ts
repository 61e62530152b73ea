import { create } from "@bufbuild/protobuf";
import { OrderLineSchema } from "@heddle/contracts/order/v1";
import { expectFailure } from "@heddle/mesh/testing";
import { expect, test } from "vitest";
import { TOTAL_MINOR_UNITS_MAX, totalOf } from "./order-total.ts";

const line = (quantity: number, minorUnits: bigint, currencyCode = "USD") =>
  create(OrderLineSchema, { sku: "A", quantity, unitPrice: { currencyCode, minorUnits } });

const failureOf = (...lines: ReturnType<typeof line>[]) => expectFailure(Promise.try(() => totalOf(lines)));

test("the total is the sum of quantity times price, exact beyond what a double holds", () => {
  const total = totalOf([line(9_007, 111_011_111_111n), line(1, 3n), line(10_000, 0n)]);
  expect(total).toEqual({ currencyCode: "USD", minorUnits: 9_007n * 111_011_111_111n + 3n });
});

test("the largest total is let through, and one minor unit more is not", async () => {
  expect(totalOf([line(1, TOTAL_MINOR_UNITS_MAX - 1n), line(1, 1n)]).minorUnits).toBe(TOTAL_MINOR_UNITS_MAX);
  expect(await failureOf(line(1, TOTAL_MINOR_UNITS_MAX), line(1, 1n))).toMatchObject({
    code: "InvalidArgument",
    reason: "ORDER_TOTAL_TOO_LARGE",
    fields: ["lines"],
    metadata: { total: "1000000000000001", totalMax: "1000000000000000" },
  });
});

test("a hundred of the longest lines, far beyond 64 bits, are refused and do not wrap around", async () => {
  const lines = Array.from({ length: 100 }, () => line(10_000, TOTAL_MINOR_UNITS_MAX));
  expect(await failureOf(...lines)).toMatchObject({
    reason: "ORDER_TOTAL_TOO_LARGE",
    metadata: { total: String(100n * 10_000n * TOTAL_MINOR_UNITS_MAX) },
  });
});

test("lines that are free all together are refused, some free ones are not", async () => {
  expect(await failureOf(line(1, 0n), line(5, 0n))).toMatchObject({
    code: "InvalidArgument",
    reason: "ORDER_TOTAL_ZERO",
  });
  expect(totalOf([line(1, 0n), line(1, 1n)]).minorUnits).toBe(1n);
});

test("two currencies are refused by the line that brings in the second", async () => {
  expect(await failureOf(line(1, 1n), line(1, 1n), line(1, 1n, "EUR"))).toMatchObject({
    code: "InvalidArgument",
    reason: "ORDER_CURRENCIES_MIXED",
    fields: ["lines[2].unit_price.currency_code"],
    metadata: { first: "USD", other: "EUR" },
  });
});
