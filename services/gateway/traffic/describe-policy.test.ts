import { UsageService } from "@heddle/contracts/heddle/usage/v1";
import { OrderService } from "@heddle/contracts/order/v1";
import { expect, test } from "vitest";
import { conditionOf, describePolicy, overloadSetting } from "./describe-policy.ts";

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
  expect(settings(UsageService.method.listMethodUsage).access).toBe("role operator, role auditor (the contract: access)");
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

test("an instance's condition says how it does, and why it gets no calls", () => {
  const endpoint = { instanceId: "i", address: "a:1", serviceName: "loom", version: "1.0.0", locality: "" };
  const well = {
    endpoint,
    inFlight: 2,
    latencyMs: 1.25,
    penalty: 1,
    state: "well",
    why: undefined,
    ejectedForMs: undefined,
  } as const;
  expect(conditionOf(well)).toBe("well, 2 calls on their way, answers in 1.3 ms");
  const ejected = {
    ...well,
    inFlight: 0,
    latencyMs: undefined,
    state: "ejected",
    why: "5 calls in a row failed",
    ejectedForMs: 30_000,
  } as const;
  expect(conditionOf(ejected)).toBe("ejected, 5 calls in a row failed, for 30 s, 0 calls on their way");
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
