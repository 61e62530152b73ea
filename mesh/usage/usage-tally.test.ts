import { create, toBinary } from "@bufbuild/protobuf";
import { CustomerService, UpdateCustomerRequestSchema } from "@heddle/contracts/customer/v1";
import { expect, test } from "vitest";
import { CONSUMERS_PER_METHOD_MAX, REASONS_MAX, SAMPLE_BYTES_MAX, SAMPLE_EVERY, SAMPLES_MAX } from "./limits.ts";
import { createUsageTally, type UsageCounter } from "./usage-tally.ts";

const { updateCustomer, getCustomer } = CustomerService.method;
const OTHER = "other";
const request = toBinary(
  UpdateCustomerRequestSchema,
  create(UpdateCustomerRequestSchema, { customer: { id: "cus_1" }, updateMask: { paths: ["email"] } }),
);
/** Makes so many calls; resolves to how many of their requests were looked at. */
const call = (counter: UsageCounter<string>, times: number): number => {
  let looked = 0;
  for (let made = 0; made < times; made++) {
    counter.count();
    if (!counter.isDue) continue;
    looked++;
    counter.look(request);
  }
  return looked;
};

test("calls are counted once each, by method and consumer, and taken away once", () => {
  const tally = createUsageTally({ other: OTHER });
  call(tally.counterOf(updateCustomer, "a"), 2);
  call(tally.counterOf(getCustomer, "a"), 1);
  call(tally.counterOf(updateCustomer, "b"), 1);
  call(tally.counterOf(updateCustomer, "a"), 1);
  expect(tally.drain().map(({ method, consumer, calls }) => [method.name, consumer, calls])).toEqual([
    ["UpdateCustomer", "a", 3],
    ["GetCustomer", "a", 1],
    ["UpdateCustomer", "b", 1],
  ]);
  expect(tally.drain()).toEqual([]);
});

test("a counter that somebody kept goes on counting after a drain, and after the tally has forgotten it", () => {
  const tally = createUsageTally({ other: OTHER });
  const kept = tally.counterOf(getCustomer, "a");
  kept.count();
  tally.drain();
  tally.forget();
  kept.count();
  tally.counterOf(getCustomer, "a").count();
  expect(tally.drain().map(({ calls }) => calls)).toEqual([1, 1]);
});

test("refused calls are counted by their reason, and no call", () => {
  const tally = createUsageTally({ other: OTHER });
  const counter = tally.counterOf(getCustomer, "a");
  for (let index = 0; index < REASONS_MAX + 5; index++) counter.refuse(`REASON_${index}`);
  counter.refuse("REASON_0");
  const [counted] = tally.drain();
  expect([counted?.calls, counted?.refusals.size, counted?.refusals.get("OTHER")]).toEqual([0, REASONS_MAX + 1, 5]);
  expect(counted?.refusals.get("REASON_0")).toBe(2);
});

test("whoever calls seldom is seen whole, and of many calls every 64th", () => {
  const tally = createUsageTally({ other: OTHER });
  const counter = tally.counterOf(updateCustomer, "a");
  expect(call(counter, 8)).toBe(8);
  tally.drain();
  expect(call(counter, 8 + 10 * SAMPLE_EVERY)).toBe(8 + 10);
  const [counted] = tally.drain();
  expect([counted?.samples, counted?.calls]).toEqual([18, 648]);
  const fields = [...(counted?.fields ?? [])].map(([{ message, number }, times]) => [message, number, times]);
  expect(fields).toEqual([
    ["customer.v1.UpdateCustomerRequest", 1, 18],
    ["customer.v1.Customer", 1, 18],
    ["customer.v1.UpdateCustomerRequest", 2, 18],
  ]);
});

test("no more requests are looked at than the bound, whoever sends them", () => {
  const tally = createUsageTally({ other: OTHER, isExempt: () => true });
  const calls = () => {
    let looked = 0;
    for (let who = 0; who < SAMPLES_MAX; who++) looked += call(tally.counterOf(updateCustomer, `${who}`), 4);
    return looked;
  };
  expect(calls()).toBe(SAMPLES_MAX);
  tally.drain();
  expect(calls()).toBe(SAMPLES_MAX);
});

test("what is too long, or no message, does not count as looked at", () => {
  const tally = createUsageTally({ other: OTHER });
  const counter = tally.counterOf(updateCustomer, "a");
  counter.count();
  counter.look(new Uint8Array(SAMPLE_BYTES_MAX + 1));
  counter.look(Uint8Array.of(0x0a, 0xff));
  const [counted] = tally.drain();
  expect([counted?.samples, counted?.fields.size]).toEqual([0, 0]);
});

test("consumers of a method beyond the bound count as one, except those that are exempt, until the next day", () => {
  const tally = createUsageTally({ other: OTHER, isExempt: (consumer) => consumer === "order" });
  for (let who = 0; who < CONSUMERS_PER_METHOD_MAX; who++) tally.counterOf(getCustomer, `${who}`);
  tally.counterOf(getCustomer, "late").count();
  tally.counterOf(getCustomer, "later").count();
  tally.counterOf(getCustomer, "order").count();
  tally.counterOf(updateCustomer, "late").count();
  expect(tally.drain().map(({ consumer, calls }) => [consumer, calls])).toEqual([
    [OTHER, 2],
    ["order", 1],
    ["late", 1],
  ]);
  tally.forget();
  tally.counterOf(getCustomer, "late").count();
  expect(tally.drain()[0]?.consumer).toBe("late");
});
