import { expect, test } from "vitest";
import { failureOf } from "./fixture-contract.ts";
import { unknownMethod } from "./unknown-method.ts";

const known = ["order.v1.OrderService/GetOrder", "order.v1.OrderService/ListOrders"];
const failure = (method: string) =>
  failureOf(() => {
    throw unknownMethod(method, known, "heddle.mesh");
  });

test("an unknown method is UNIMPLEMENTED and names the nearest", async () => {
  expect(await failure("order.v1.OrderService/GetOrdr")).toMatchObject({
    code: "Unimplemented",
    reason: "METHOD_UNKNOWN",
    domain: "heddle.mesh",
    metadata: { method: "order.v1.OrderService/GetOrdr", nearest: "order.v1.OrderService/GetOrder" },
    message: "order.v1.OrderService/GetOrdr does not exist here; did you mean order.v1.OrderService/GetOrder?",
  });
});

test("a method that is near to none names none", async () => {
  expect(await failure("shoes.v1.Shoes/Tie")).toMatchObject({
    metadata: { method: "shoes.v1.Shoes/Tie" },
    message: "shoes.v1.Shoes/Tie does not exist here.",
  });
});
