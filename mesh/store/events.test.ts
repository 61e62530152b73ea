import { fromBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { CustomerCreatedSchema, CustomerSchema, CustomerService } from "@heddle/contracts/customer/v1";
import { expect, onTestFinished, test } from "vitest";
import { ANONYMOUS } from "../identity/index.ts";
import { runInCall } from "../rpc/call.ts";
import { systemRuntime } from "../runtime/index.ts";
import { eventsAfter } from "./events.ts";
import { migrations } from "./fixtures/notes.ts";
import { EVENT_PAYLOAD_BYTES_MAX } from "./limits.ts";
import { openTestStore } from "./open-test-store.ts";

const open = async () => {
  const system = systemRuntime();
  const store = await openTestStore(migrations, {
    ...system,
    clock: { ...system.clock, nowMs: () => 1_700_000_000_000 },
  });
  onTestFinished(() => store.close());
  return store;
};

test("an event is kept with its type, key, time, trace and message", async () => {
  const store = await open();
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const call = {
    method: CustomerService.method.createCustomer,
    traceparent,
    deadlineMs: undefined,
    signal: new AbortController().signal,
    aborted: false,
    peer: "",
    replay: undefined,
    forwarded: [],
    caller: ANONYMOUS,
    onEnd: () => () => undefined,
  };
  await runInCall(call, () => store.write((tx) => tx.publish(CustomerCreatedSchema, { customer: { id: "cus_1" } })));
  const [event] = await store.events();
  expect(event).toMatchObject({
    sequence: 1n,
    type: "customer.v1.CustomerCreated",
    key: "cus_1",
    createTimeMs: 1_700_000_000_000n,
    traceparent,
  });
  expect(fromBinary(CustomerCreatedSchema, event?.payload ?? new Uint8Array()).customer?.id).toBe("cus_1");
});

test("an event of a job that fails is not kept, and leaves no gap", async () => {
  const store = await open();
  const failing = store.write(async (tx) => {
    await tx.publish(CustomerCreatedSchema, { customer: { id: "cus_1" } });
    throw new Error("no");
  });
  await expect(failing).rejects.toThrow("no");
  await store.write((tx) => tx.publish(CustomerCreatedSchema, { customer: { id: "cus_2" } }));
  expect((await store.events()).map(({ sequence, key }) => ({ sequence, key }))).toEqual([
    { sequence: 1n, key: "cus_2" },
  ]);
});

test("a publish that fails fails its write, also when nobody awaits it or somebody catches it", async () => {
  const store = await open();
  const unawaited = store.write(async (tx) => {
    void tx.publish(CustomerSchema, { id: "cus_1" });
  });
  await expect(unawaited).rejects.toThrow("customer.v1.Customer is no event");
  const caught = store.write((tx) => tx.publish(CustomerCreatedSchema, {}).catch(() => undefined));
  await expect(caught).rejects.toThrow("customer.v1.CustomerCreated: its key customer.id has 0 characters");
});

test("an event that is too large is refused", async () => {
  const store = await open();
  const customer = { id: "cus_1", givenName: "x".repeat(EVENT_PAYLOAD_BYTES_MAX) };
  await expect(store.write((tx) => tx.publish(CustomerCreatedSchema, { customer }))).rejects.toMatchObject({
    code: Code.ResourceExhausted,
  });
});

test("a feed is read in order from any position", async () => {
  const store = await open();
  for (let i = 1; i <= 5; i++)
    await store.write((tx) => tx.publish(CustomerCreatedSchema, { customer: { id: `cus_${i}` } }));
  const page = await store.read((reader) => eventsAfter(reader, 2n, 2));
  expect(page.map((event) => event.key)).toEqual(["cus_3", "cus_4"]);
});
