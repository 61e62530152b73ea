import { CustomerService } from "@heddle/contracts/customer/v1";
import { EventFeedService } from "@heddle/contracts/heddle/events/v1";
import { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { OrderService } from "@heddle/contracts/order/v1";
import { describe, expect, test } from "vitest";
import { EchoService } from "../rpc/fixtures/echo-contract.ts";
import { mayRepeat, methodPolicy } from "./method-policy.ts";

describe("the policy of a method", () => {
  test("comes from its contract, with the option that says so", () => {
    const { timeoutMs, repeats, attemptsMax, hedge, priority } = methodPolicy(CustomerService.method.getCustomer);
    expect(timeoutMs.why).toBe("the contract: timeout");
    expect(repeats).toEqual({ value: "every call", why: "the contract: idempotency_level = NO_SIDE_EFFECTS" });
    expect(attemptsMax).toEqual({ value: 3, why: "default" });
    expect(hedge).toEqual({ value: { delayMs: 50, attemptsMax: 2 }, why: "the contract: hedge" });
    expect(priority).toEqual({ value: "normal", why: "default: the contract declares no priority" });
  });

  test("is safe where the contract says nothing", () => {
    const { timeoutMs, hedge, priority, rateLimit, cacheMs } = methodPolicy(EchoService.method.say);
    expect([timeoutMs.value, timeoutMs.why]).toEqual([
      30_000,
      "default of unary methods: the contract sets no timeout",
    ]);
    expect([hedge, priority, rateLimit, cacheMs].map(({ why }) => why.split(":")[0])).toEqual(Array(4).fill("default"));
    expect([hedge.value, priority.value, rateLimit.value, cacheMs.value]).toEqual([
      undefined,
      "normal",
      undefined,
      undefined,
    ]);
  });

  test("repeats what is idempotent, and what carries a request id", () => {
    expect(methodPolicy(OrderService.method.placeOrder).repeats.value).toBe("calls with a request_id");
    expect(methodPolicy(EventFeedService.method.subscribe).repeats.value).toBe("every call");
  });

  test("never repeats a stream of requests", () => {
    expect(methodPolicy(RegistryService.method.register).repeats.value).toBe("never");
    expect(methodPolicy(RegistryService.method.register).attemptsMax.value).toBe(1);
  });

  test("is the same object for every call", () => {
    expect(methodPolicy(CustomerService.method.getCustomer)).toBe(methodPolicy(CustomerService.method.getCustomer));
  });
});

test("a mutation may be repeated only with a request id that is set", () => {
  const { placeOrder } = OrderService.method;
  const { value } = methodPolicy(placeOrder).repeats;
  expect([{}, { requestId: "" }, { requestId: "x" }].map((request) => mayRepeat(placeOrder, value, request))).toEqual([
    false,
    false,
    true,
  ]);
});
