import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Transport } from "@connectrpc/connect";
import { SubscriptionState } from "@heddle/contracts/heddle/events/v1";
import { expect, test } from "vitest";
import { expectFailure } from "../testing/index.ts";
import {
  counted,
  eventually,
  recorded,
  rowsOf,
  type Source,
  startSink,
  startSource,
  temporaryFolder,
} from "./fixtures/event-mesh.ts";

/** A source that is restored from a copy of when it had two events, and a sink that had followed it to the third. */
const restored = async (afterwards: (source: Source) => Promise<void>) => {
  const folder = temporaryFolder();
  let source = await startSource(folder);
  const transport: Transport = {
    unary: (...call) => source.transport.unary(...call),
    stream: (...call) => source.transport.stream(...call),
  };
  const sink = await startSink(folder, transport, { subscriptions: [recorded], views: [counted] });
  await source.publish(["a", "1"], ["a", "2"]);
  await source.store.backup(join(folder, "copy.db"));
  await source.publish(["a", "3"]);
  await eventually(async () => expect(await sink.effects()).toHaveLength(3));
  await eventually(async () => expect(await rowsOf(sink.store, 1)).toMatchObject([{ events: 3 }]));
  await source.stop();
  const file = join(folder, "source.db");
  for (const suffix of ["", "-wal", "-shm"]) rmSync(`${file}${suffix}`, { force: true });
  copyFileSync(join(folder, "copy.db"), file);
  source = await startSource(folder);
  await afterwards(source);
  const states = async () => (await sink.admin.listSubscriptions({})).subscriptions.map(({ state }) => state);
  await eventually(async () =>
    expect(await states()).toEqual([SubscriptionState.DIVERGED, SubscriptionState.DIVERGED]),
  );
  return { source, sink, states };
};

test("a feed that was restored from an older copy is told, and nothing of it is applied", async () => {
  const { sink } = await restored(async () => undefined);
  const { subscriptions } = await sink.admin.listSubscriptions({});
  expect(subscriptions[0]).toMatchObject({ appliedSequence: 3n });
  expect(subscriptions[0]?.lastError).toContain("The feed ends at 2, before 3");
  expect(sink.log.find(({ level }) => level === "error")).toMatchObject({
    source: "source",
    reason: "SEQUENCE_UNKNOWN",
  });
});

test("a restored feed that has gone on under the numbers of lost events is told as well", async () => {
  const { sink } = await restored((source) => source.publish(["b", "other"], ["b", "more"]));
  expect(await sink.effects()).toHaveLength(3);
  expect(sink.log.find(({ level }) => level === "error")).toMatchObject({ source: "source", reason: "FEED_DIVERGED" });
});

test("an operator lets a diverged subscription go on after an event, on the record", async () => {
  const { sink, states } = await restored((source) => source.publish(["b", "other"], ["b", "more"]));
  await sink.admin.resumeSubscription({ source: "source", afterSequence: 2n, reason: "the third was a test" });
  await eventually(async () => expect(await sink.effects()).toHaveLength(5));
  expect((await sink.effects()).map(({ content }) => content)).toEqual(["1", "2", "3", "other", "more"]);
  await eventually(async () =>
    expect(await states()).toEqual([SubscriptionState.CONNECTED, SubscriptionState.DIVERGED]),
  );
});

test("only what has diverged is resumed", async () => {
  const folder = temporaryFolder();
  const source = await startSource(folder);
  const sink = await startSink(folder, source.transport, { subscriptions: [recorded] });
  await eventually(() => expect(sink.subscriber.followers).toHaveLength(1));
  expect(
    await expectFailure(sink.admin.resumeSubscription({ source: "source", afterSequence: 0n, reason: "why not" })),
  ).toMatchObject({
    code: "FailedPrecondition",
    reason: "SUBSCRIPTION_NOT_DIVERGED",
  });
  expect(await expectFailure(sink.admin.resumeSubscription({ source: "nobody", reason: "why not" }))).toMatchObject({
    code: "NotFound",
    reason: "SUBSCRIPTION_NOT_FOUND",
  });
});

test("a view whose source diverged is made whole by a rebuild", async () => {
  const { sink } = await restored((source) => source.publish(["b", "other"]));
  await sink.admin.rebuildView({ view: "counted" });
  await eventually(async () => {
    const { subscriptions } = await sink.admin.listSubscriptions({});
    expect(subscriptions.at(-1)).toMatchObject({
      view: "counted",
      generation: 2,
      inForce: true,
      state: SubscriptionState.CONNECTED,
    });
  });
  expect(await rowsOf(sink.store, 2)).toMatchObject([
    { key: "a", events: 2 },
    { key: "b", events: 1 },
  ]);
});

test("a rebuild makes a view whole as well where the restored feed ends before what the old generation had seen", async () => {
  const { sink } = await restored(async () => undefined);
  await sink.admin.rebuildView({ view: "counted" });
  await eventually(async () => {
    const { subscriptions } = await sink.admin.listSubscriptions({});
    expect(subscriptions.at(-1)).toMatchObject({
      view: "counted",
      generation: 2,
      inForce: true,
      state: SubscriptionState.CONNECTED,
    });
  });
  expect(await rowsOf(sink.store, 2)).toMatchObject([{ key: "a", events: 2 }]);
});
