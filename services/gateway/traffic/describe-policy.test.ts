import { UsageService } from "@heddle/contracts/heddle/usage/v1";
import { OrderService } from "@heddle/contracts/order/v1";
import { expect, test } from "vitest";
import { describePolicy, overloadSetting } from "./describe-policy.ts";

const settings = (method: Parameters<typeof describePolicy>[0]) =>
  Object.fromEntries(describePolicy(method).map(({ name, value, why }) => [name, `${value} (${why})`]));

test("each setting of a method is told with its reason", () => {
  const placeOrder = settings(OrderService.method.placeOrder);
  expect(placeOrder.deadline).toMatch(/ s \(the contract: timeout\)$/);
  expect(placeOrder.retry).toMatch(/^calls with a request_id \(the contract: /);
  expect(placeOrder["retry budget"]).toBe(
    "20 % of the calls + 10/s, over 10 s (default, for all methods of the service together)",
  );
  expect(placeOrder.cache).toBe("none (default: the contract declares no cache)");
  expect(settings(UsageService.method.listMethodUsage).access).toBe(
    "role operator, role auditor (the contract: access)",
  );
  expect(describePolicy(OrderService.method.getOrder).map(({ name }) => name)).toEqual([
    "access",
    "deadline",
    "retry",
    "attempts",
    "retry budget",
    "hedge",
    "breaker",
    "priority",
    "rate",
    "cache",
    "room",
    "message",
  ]);
});

test("whether the gateway sheds calls is told, and how many it has", () => {
  const state = {
    limit: 12,
    turnMs: 30.4,
    toleratedMs: 25,
    isOverloaded: true,
    callers: 3,
    admitted: 9,
    shed: { low: 4, normal: 1, high: 0 },
  };
  expect(overloadSetting(state)).toEqual({
    name: "overload",
    value: "the gateway sheds calls: 12 may begin in a turn",
    why: "its turns take 30 of 25 ms; 5 shed since its start",
  });
  expect(overloadSetting({ ...state, isOverloaded: false }).value).toBe("the gateway sheds no calls");
});
