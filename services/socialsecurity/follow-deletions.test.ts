import { create, fromBinary, type Message } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { CustomerDeletedSchema, CustomerState, CustomerUndeletedSchema } from "@heddle/contracts/customer/v1";
import {
  AccessKind,
  NumberVerifiedSchema,
  RecordErasedSchema,
  RecordState,
  RegisterNumberRequestSchema,
  VerifyNumberRequestSchema,
} from "@heddle/contracts/socialsecurity/v1";
import { systemRuntime } from "@heddle/mesh/runtime";
import { openTestStore } from "@heddle/mesh/store";
import { fakeClock } from "@heddle/mesh/testing";
import { expect, onTestFinished, test } from "vitest";
import { findBreak } from "./access.ts";
import { followDeletions } from "./follow-deletions.ts";
import { registerNumber } from "./handlers/register-number.ts";
import { verifyNumber } from "./handlers/verify-number.ts";
import { stateOf } from "./record.ts";
import { secretKey } from "./secret-key.ts";
import { accessLog, deletionStore, keyStore, recordStore } from "./store.ts";
import { createVault } from "./vault.ts";

const ADA = `cus_${"0".repeat(25)}1`;
const NUMBER = "123-45-6789";
const OTHER = "123-45-6780";

/** The inside of a service whose customer is in a state that its owner, the test, sets. */
const start = async () => {
  const clock = fakeClock();
  const runtime = { ...systemRuntime(), clock };
  const store = await openTestStore(new URL("./migrations/", import.meta.url), runtime);
  onTestFinished(() => store.close());
  const keyOf = (byte: number) => secretKey(new Uint8Array(32).fill(byte));
  const ring = { wrapping: keyOf(1), previous: undefined, index: keyOf(2) };
  await store.write(async (tx) => {
    await keyStore().add(tx, { id: ring.wrapping.id, purpose: "wrapping", nowMs: 0 });
    await keyStore().add(tx, { id: ring.index.id, purpose: "index", nowMs: 0 });
  });
  const stores = { records: recordStore(), accesses: accessLog(), deletions: deletionStore() };
  const deps = { ...stores, vault: createVault(ring, runtime.random), store, clock, ids: runtime.ids };
  const owner = { state: CustomerState.ACTIVE };
  const customers = {
    getCustomer: async () => ({ customer: { id: ADA, state: owner.state } }) as never,
  };
  const { handlers } = followDeletions({ ...stores, clock, customers });
  return {
    store,
    clock,
    owner,
    register: async (number: string) =>
      registerNumber(deps)(create(RegisterNumberRequestSchema, { customerId: ADA, number }), {} as never),
    verify: async (number: string) =>
      verifyNumber(deps)(create(VerifyNumberRequestSchema, { customerId: ADA, number }), {} as never),
    record: () => store.read((reader) => stores.records.findLatest(reader, ADA)),
    log: () => store.read((reader) => stores.accesses.list(reader, { customerId: "", after: 0, limit: 100 })),
    /** Applies an event as the runtime does: prepared first, then in a transaction of its own. */
    async tell(message: Message): Promise<void> {
      const handler = handlers.find(({ event }) => event.typeName === message.$typeName);
      if (handler === undefined) throw new Error(`nobody listens to ${message.$typeName}`);
      const event = { source: "customer", sequence: 1n, key: ADA, createTime: clock.now(), message };
      const prepared = await handler.prepare?.(event);
      await store.write((tx) => handler.apply(tx, event, prepared));
    },
  };
};

const deletedAt = (ms: number) =>
  create(CustomerDeletedSchema, {
    customer: { id: ADA, state: CustomerState.DELETED, deleteTime: timestampFromMs(ms) },
  });
const undeleted = create(CustomerUndeletedSchema, { customer: { id: ADA, state: CustomerState.ACTIVE } });

test("the deletion of a customer destroys its number, and the log says that it came from there", async () => {
  const { register, tell, record, log, store, clock, owner } = await start();
  await register(NUMBER);
  clock.advance(1_000);
  owner.state = CustomerState.DELETED;
  await tell(deletedAt(clock.nowMs()));
  const erased = await record();
  expect(erased).toMatchObject({ sealed: undefined, eraseTime: clock.now() });
  expect(erased && stateOf(erased)).toBe(RecordState.ERASED);
  const entries = await log();
  expect(entries.map(({ kind }) => AccessKind[kind])).toEqual(["REGISTER", "ERASE"]);
  expect(entries.at(-1)).toMatchObject({ caller: "customer", reason: "The customer was deleted." });
  expect(findBreak(entries)).toBeUndefined();
  expect((await store.events()).map(({ type }) => type)).toEqual([
    "socialsecurity.v1.NumberRegistered",
    "socialsecurity.v1.RecordErased",
  ]);
});

test("a deletion that is told twice, or of a customer without a number, changes and logs nothing", async () => {
  const { register, tell, record, log, store, clock, owner } = await start();
  owner.state = CustomerState.DELETED;
  await tell(deletedAt(clock.nowMs()));
  expect(await log()).toEqual([]);
  owner.state = CustomerState.ACTIVE;
  await tell(undeleted);
  await register(NUMBER);
  clock.advance(1_000);
  owner.state = CustomerState.DELETED;
  await tell(deletedAt(clock.nowMs()));
  const [once, events] = [await record(), await store.events()];
  clock.advance(1_000);
  await tell(deletedAt(clock.nowMs()));
  expect(await record()).toEqual(once);
  expect(await store.events()).toEqual(events);
  expect(await log()).toHaveLength(2);
});

test("no number is taken for a deleted customer, and one is again once it is undeleted", async () => {
  const { register, tell, record, clock, owner } = await start();
  owner.state = CustomerState.DELETED;
  await tell(deletedAt(clock.nowMs()));
  await expect(register(NUMBER)).rejects.toMatchObject({ message: expect.stringContaining("is deleted") });
  expect(await record()).toBeUndefined();
  owner.state = CustomerState.ACTIVE;
  await tell(undeleted);
  await register(NUMBER);
  expect(await record()).toMatchObject({ eraseTime: undefined });
});

test("undeleting a customer does not bring its number back", async () => {
  const { register, tell, record, clock, owner } = await start();
  await register(NUMBER);
  owner.state = CustomerState.DELETED;
  await tell(deletedAt(clock.nowMs()));
  owner.state = CustomerState.ACTIVE;
  await tell(undeleted);
  expect((await record())?.sealed).toBeUndefined();
});

test("a number that was registered while the deletion was on its way is destroyed too", async () => {
  const { register, tell, record, clock, owner } = await start();
  const deleteMs = clock.nowMs();
  owner.state = CustomerState.DELETED;
  clock.advance(1_000);
  await register(NUMBER);
  await tell(deletedAt(deleteMs));
  expect((await record())?.sealed).toBeUndefined();
});

test("a number that was registered after an undeletion stays, however late the deletion before it is told", async () => {
  const { register, tell, record, clock } = await start();
  const deleteMs = clock.nowMs();
  clock.advance(1_000);
  await register(OTHER);
  await tell(deletedAt(deleteMs));
  await tell(undeleted);
  expect((await record())?.eraseTime).toBeUndefined();
  await register(OTHER);
});

test("a number from before the deletion goes, although the customer is active again when that is told", async () => {
  const { register, tell, record, clock } = await start();
  await register(NUMBER);
  clock.advance(1_000);
  await tell(deletedAt(clock.nowMs()));
  expect((await record())?.sealed).toBeUndefined();
  await register(OTHER);
});

test("events say when the number was verified", async () => {
  const { register, verify, tell, store, clock, owner } = await start();
  await register(NUMBER);
  clock.advance(1_000);
  const verifyTime = clock.now();
  await verify(NUMBER);
  clock.advance(1_000);
  owner.state = CustomerState.DELETED;
  await tell(deletedAt(clock.nowMs()));
  const [, verified, erased] = await store.events();
  expect(fromBinary(NumberVerifiedSchema, verified?.payload ?? new Uint8Array()).verifyTime).toEqual(verifyTime);
  expect(fromBinary(RecordErasedSchema, erased?.payload ?? new Uint8Array()).verifyTime).toEqual(verifyTime);
});

test("an event that does not say whom it is about is refused", async () => {
  const { tell } = await start();
  await expect(tell(create(CustomerDeletedSchema, {}))).rejects.toThrow(TypeError);
  await expect(tell(create(CustomerUndeletedSchema, {}))).rejects.toThrow(TypeError);
});
