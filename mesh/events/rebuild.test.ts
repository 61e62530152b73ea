import { SubscriptionState } from "@heddle/contracts/heddle/events/v1";
import { expect, test } from "vitest";
import { type NoParams, sql } from "../store/index.ts";
import { expectFailure } from "../testing/index.ts";
import { counted, cutOff, eventually, rowsOf, startSink, startSource, temporaryFolder } from "./fixtures/event-mesh.ts";
import { viewGeneration } from "./index.ts";
import { beginRebuild, putInForce } from "./rebuild.ts";
import { allCursors } from "./store/cursor-store.ts";
import { type InboxState, putInInbox } from "./store/inbox-store.ts";
import type { View } from "./subscription.ts";

/** Waits, at the given generation, until it is let through. */
const gated = (generationHeld: number) => {
  const state = { open: false };
  const view: View = {
    ...counted,
    async apply(tx, generation, events) {
      if (generation === generationHeld && !state.open) throw Object.assign(new Error("closed"), { name: "Closed" });
      await counted.apply(tx, generation, events);
    },
  };
  return { state, view };
};

const generationOf = (store: Parameters<typeof rowsOf>[0]) => store.read((reader) => viewGeneration(reader, "counted"));

test("a rebuild folds all events again while the old rows answer, then puts the new ones in force and deletes the old", async () => {
  const folder = temporaryFolder();
  const source = await startSource(folder);
  await source.publishMany(1_500, (index) => `k${index % 700}`);
  const { state, view } = gated(2);
  const sink = await startSink(folder, source.transport, { views: [view] });
  const before = await eventually(async () => {
    const rows = await rowsOf(sink.store, 1);
    expect(rows.reduce((sum, { events }) => sum + events, 0)).toBe(1_500);
    return rows;
  });
  expect(await sink.admin.rebuildView({ view: "counted" })).toMatchObject({ generation: 2 });
  await eventually(async () => {
    const { subscriptions } = await sink.admin.listSubscriptions({});
    expect(subscriptions).toMatchObject([
      { generation: 1, inForce: true, state: SubscriptionState.CONNECTED },
      { generation: 2, inForce: false },
    ]);
    expect(Number(subscriptions[1]?.waiting)).toBeGreaterThan(0);
  });
  // The old one answers, and is kept up.
  expect(await generationOf(sink.store)).toBe(1);
  await source.publish(["k0", "new"]);
  await eventually(async () => expect((await rowsOf(sink.store, 1))[0]).toMatchObject({ content: "last 1501" }));

  expect(await expectFailure(sink.admin.rebuildView({ view: "counted" }))).toMatchObject({
    code: "FailedPrecondition",
    reason: "REBUILD_RUNNING",
    metadata: { generation: "2", doing: "being built" },
  });
  state.open = true;
  await sink.admin.replayDeadLetters({});
  await eventually(async () => expect(await generationOf(sink.store)).toBe(2));
  await eventually(async () => expect(await rowsOf(sink.store, 1)).toEqual([]));
  const after = await rowsOf(sink.store, 2);
  expect(after.slice(1)).toEqual(before.slice(1));
});

test("a generation is not put in force while an event of it waits", async () => {
  const sink = await startSink(temporaryFolder(), (await startSource(temporaryFolder())).transport, {
    views: [counted],
  });
  const undone = new Error("undone");
  const tried: boolean[] = [];
  const work = sink.store.write(async (tx) => {
    await beginRebuild(tx, counted, 0);
    const { subscriptionId } = (await allCursors(tx)).find(({ generation }) => generation === 2) ?? expect.fail();
    const event = { type: "T", key: "a", payload: new Uint8Array(), createTimeMs: 0n, traceparent: "" };
    const putIn = (sequence: bigint, state: InboxState) =>
      putInInbox(tx, { subscriptionId, sequence, state, ...event });
    await putIn(1n, "failed");
    await putIn(2n, "waiting");
    tried.push(await putInForce(tx, "counted", 2, new Map()));
    await tx.run(sql<NoParams>("DELETE FROM heddle_inbox WHERE state = 'waiting'"), {});
    tried.push(await putInForce(tx, "counted", 2, new Map()));
    throw undone;
  });
  await expect(work).rejects.toBe(undone);
  // A dead letter does not hold it up: an operator sees it, and it may never take effect.
  expect(tried).toEqual([false, true]);
});

test("a rebuild survives a kill at any of its writes", async () => {
  const source = await startSource(temporaryFolder());
  await source.publishMany(1_200, (index) => `k${index % 600}`);
  for (const where of ["before", "after"] as const) {
    for (const at of [3, 4, 5, 6, 7, 9]) {
      const folder = temporaryFolder();
      const store = cutOff(at, where);
      const first = await startSink(folder, source.transport, { views: [counted] }, { wrapStore: store.wrap });
      // The answer to the operator may be lost as well.
      const asked = (async () => {
        await eventually(async () => expect(await rowsOf(first.store, 1)).toHaveLength(600));
        await first.admin.rebuildView({ view: "counted" });
        await eventually(async () => expect(await rowsOf(first.store, 1)).toEqual([]));
        return false;
      })().catch(() => true);
      const cut = await Promise.race([store.cut.then(() => true), asked]);
      await (cut ? first.crash() : first.stop());
      const second = await startSink(folder, source.transport, { views: [counted] });
      await eventually(async () => {
        const generation = await generationOf(second.store);
        const rows = await rowsOf(second.store, generation);
        expect(rows.map(({ events }) => events)).toEqual(Array(600).fill(2));
        // Nothing is left of a generation that is not in force, unless the rebuild was never begun.
        const { subscriptions } = await second.admin.listSubscriptions({});
        expect(subscriptions).toMatchObject([{ generation, inForce: true, state: SubscriptionState.CONNECTED }]);
        expect(await rowsOf(second.store, generation === 1 ? 2 : 1)).toEqual([]);
      });
      await second.stop();
    }
  }
});

test("a view that is not known is named with those that are", async () => {
  const folder = temporaryFolder();
  const source = await startSource(folder);
  const sink = await startSink(folder, source.transport, { views: [counted] });
  expect(await expectFailure(sink.admin.rebuildView({ view: "countde" }))).toMatchObject({
    code: "NotFound",
    reason: "VIEW_NOT_FOUND",
    metadata: { known: "counted" },
  });
});

test("a repeated request id begins no second rebuild", async () => {
  const folder = temporaryFolder();
  const source = await startSource(folder);
  await source.publish(["a", "1"]);
  const sink = await startSink(folder, source.transport, { views: [counted] });
  const request = { view: "counted", requestId: "0b9f4b86-7a1e-4a55-9b0c-0d7a3c1c9d11" };
  const first = await sink.admin.rebuildView(request);
  await eventually(async () => expect(await generationOf(sink.store)).toBe(2));
  expect(await sink.admin.rebuildView(request)).toEqual(first);
});
