import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ActionSchema, ComparisonSchema, DifferenceKind } from "@heddle/contracts/heddle/traffic/v1";
import { createColors } from "picocolors";
import { expect, test } from "vitest";
import { actionText, comparisonLines } from "./rule-lines.ts";

const text = (kind: MessageInitShape<typeof ActionSchema>["kind"]) => actionText(create(ActionSchema, { kind }));

test("a rule is told in a line", () => {
  const versions = [
    { version: "1.3.0", weight: 2 },
    { version: "1.4.0", weight: 1 },
  ];
  expect(text({ case: "split", value: { service: "order", versions } })).toBe(
    "order: 1.3.0 gets 66.67 %, 1.4.0 gets 33.33 %",
  );
  const header = { name: "x-canary", value: "1" };
  expect(text({ case: "headerRoute", value: { service: "order", header, version: "1.4.0" } })).toBe(
    "order: calls with x-canary: 1 go to 1.4.0",
  );
  expect(text({ case: "mirror", value: { service: "order", version: "1.4.0", percent: 5 } })).toBe(
    "order: 5 % of reads are copied to 1.4.0",
  );
  const target = "order.v1.OrderService/PlaceOrder";
  expect(text({ case: "fault", value: { target, percent: 10, abortCode: 14 } })).toBe(
    "order.v1.OrderService/PlaceOrder: 10 % of calls failed with unavailable",
  );
  const delay = { seconds: 0n, nanos: 250_000_000 };
  expect(text({ case: "fault", value: { target, percent: 100, abortCode: 4, delay, header } })).toBe(
    "order.v1.OrderService/PlaceOrder: 100 % of calls with x-canary: 1 held 0.25 s, then failed with deadline_exceeded",
  );
});

test("what differs between versions is told below each method", () => {
  const lines = comparisonLines(
    [
      create(ComparisonSchema, {
        service: "order",
        version: "1.4.0",
        method: "order.v1.OrderService/GetOrder",
        compared: 12n,
        same: 10n,
        skipped: 1n,
        differences: [
          { kind: DifferenceKind.MISSING, subject: "order.lines.sku", calls: 1n },
          { kind: DifferenceKind.STATUS, subject: "ok, not_found", calls: 2n },
        ],
      }),
    ],
    createColors(false),
  );
  expect(lines).toEqual([
    "order.v1.OrderService/GetOrder  order 1.4.0: 10 of 12 copies had the same shape, 1 were skipped",
    "  missing field order.lines.sku  1 call",
    "  other status ok, not_found  2 calls",
  ]);
});
