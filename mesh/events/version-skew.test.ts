import { create, toBinary } from "@bufbuild/protobuf";
import { CustomerCreatedSchema, CustomerDeletedSchema } from "@heddle/contracts/customer/v1";
import { DeadLetterKind } from "@heddle/contracts/heddle/events/v1";
import { expect, test } from "vitest";
import { sql } from "../store/index.ts";
import {
  eventually,
  insertEffectOf,
  recorded,
  startSink,
  startSource,
  temporaryFolder,
} from "./fixtures/event-mesh.ts";
import { on, type Subscription } from "./subscription.ts";

/** The next release: it handles a type that `recorded` does not know. */
const newer: Subscription = {
  from: "source",
  handlers: [
    on(CustomerCreatedSchema, insertEffectOf),
    on(CustomerDeletedSchema, async (tx, event) =>
      insertEffectOf(tx, { ...event, message: create(CustomerCreatedSchema, { customer: { givenName: "deleted" } }) }),
    ),
  ],
};

const deleteEvent = (id: string) => create(CustomerDeletedSchema, { customer: { id } });

test("an event whose type only the next release knows is kept by the older one, and applied by the next", async () => {
  const folder = temporaryFolder();
  const source = await startSource(folder);
  await source.publish(["a", "1"]);
  const upgraded = await startSink(folder, source.transport, { subscriptions: [newer] });
  await eventually(async () => expect(await upgraded.effects()).toHaveLength(1));
  await upgraded.stop();
  await source.store.write((tx) => tx.publish(CustomerDeletedSchema, deleteEvent("a")));
  await source.publish(["a", "3"], ["b", "4"]);

  const rolledBack = await startSink(folder, source.transport, { subscriptions: [recorded] });
  await eventually(async () => expect(await rolledBack.effects()).toHaveLength(2));
  const { deadLetters } = await rolledBack.admin.listDeadLetters({});
  expect(deadLetters).toMatchObject([
    { sequence: 2n, type: "customer.v1.CustomerDeleted", kind: DeadLetterKind.UNKNOWN, content: "" },
    { sequence: 3n, kind: DeadLetterKind.HELD },
  ]);
  await rolledBack.stop();

  const again = await startSink(folder, source.transport, { subscriptions: [newer] });
  await eventually(async () => expect(await again.effects()).toHaveLength(4));
  expect((await again.effects()).map(({ sequence, content }) => [sequence, content])).toEqual([
    [1, "1"],
    [4, "4"],
    [2, "deleted"],
    [3, "3"],
  ]);
});

test("a type that a release says it ignores is not kept", async () => {
  const folder = temporaryFolder();
  const source = await startSource(folder);
  const before = await startSink(folder, source.transport, { subscriptions: [newer] });
  await before.stop();
  await source.store.write((tx) => tx.publish(CustomerDeletedSchema, deleteEvent("a")));
  await source.publish(["a", "2"]);
  const ignoring = { ...recorded, ignored: [CustomerDeletedSchema.typeName] };
  const after = await startSink(folder, source.transport, { subscriptions: [ignoring] });
  await eventually(async () => expect(await after.effects()).toHaveLength(1));
  expect((await after.admin.listDeadLetters({})).deadLetters).toEqual([]);
});

test("a new handler starts where the cursor is, and the log says what to do about earlier events", async () => {
  const folder = temporaryFolder();
  const source = await startSource(folder);
  await source.store.write((tx) => tx.publish(CustomerDeletedSchema, deleteEvent("a")));
  await source.publish(["a", "2"]);
  const before = await startSink(folder, source.transport, { subscriptions: [recorded] });
  await eventually(async () => expect(await before.effects()).toHaveLength(1));
  await before.stop();
  await source.store.write((tx) => tx.publish(CustomerDeletedSchema, deleteEvent("b")));
  const after = await startSink(folder, source.transport, { subscriptions: [newer] });
  await eventually(async () => expect(await after.effects()).toHaveLength(2));
  expect((await after.effects()).map(({ sequence }) => sequence)).toEqual([2, 3]);
  expect(after.log.find(({ level }) => level === "warn")).toMatchObject({
    types: ["customer.v1.CustomerDeleted"],
    after: "2",
  });
});

test("an event whose bytes cannot be read is kept, and others go on", async () => {
  const folder = temporaryFolder();
  const source = await startSource(folder);
  await source.publish(["a", "1"], ["b", "2"]);
  const damage = sql<{ payload: Uint8Array }>("UPDATE heddle_events SET payload = :payload WHERE sequence = 1");
  const truncated = toBinary(CustomerCreatedSchema, create(CustomerCreatedSchema, { customer: { id: "a" } })).slice(
    0,
    -1,
  );
  await source.store.write((tx) => tx.run(damage, { payload: truncated }));
  const sink = await startSink(folder, source.transport, { subscriptions: [recorded] });
  await eventually(async () => expect(await sink.effects()).toHaveLength(1));
  expect((await sink.admin.listDeadLetters({})).deadLetters).toMatchObject([
    { sequence: 1n, kind: DeadLetterKind.UNKNOWN },
  ]);
});
