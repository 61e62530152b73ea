import { create } from "@bufbuild/protobuf";
import { PlaceOrderResponseSchema } from "@heddle/contracts/order/v1";
import { expect, test } from "vitest";
import { shapeOf } from "./shape.ts";

test("the shape of a message is the fields that are set, at any depth, and no value", () => {
  const response = create(PlaceOrderResponseSchema, {
    order: { id: "ord_secret", lines: [{ sku: "thread" }, { quantity: 2 }] },
  });
  expect([...shapeOf(PlaceOrderResponseSchema, response)].sort()).toEqual([
    "order",
    "order.id",
    "order.lines",
    "order.lines.quantity",
    "order.lines.sku",
  ]);
});

test("of a large message no more than so many fields, and items of a list, are looked at", () => {
  const lines = Array.from({ length: 100 }, (_, index) => (index < 16 ? { sku: "thread" } : { quantity: 2 }));
  const response = create(PlaceOrderResponseSchema, { order: { lines } });
  expect([...shapeOf(PlaceOrderResponseSchema, response)]).not.toContain("order.lines.quantity");
});
