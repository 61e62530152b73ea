import type { Transport } from "@connectrpc/connect";
import { SubscriptionState } from "@heddle/contracts/heddle/events/v1";
import { expect, test } from "vitest";
import { fail } from "../contract/fail.ts";
import { systemRuntime } from "../runtime/index.ts";
import { STORE_FULL } from "../store/errors.ts";
import type { Store } from "../store/index.ts";
import { fakeTime } from "../testing/index.ts";
import {
  counted,
  eventually,
  recorded,
  rowsOf,
  startSink,
  startSource,
  temporaryFolder,
} from "./fixtures/event-mesh.ts";
import { SILENT_STREAM_MS_MAX } from "./limits.ts";

test("each event takes effect once, in order, those before the start and those after it", async () => {
  const folder = temporaryFolder();
  const source = await startSource(folder);
  await source.publish(["a", "1"], ["b", "2"]);
  const sink = await startSink(folder, source.transport, { subscriptions: [recorded] });
  await eventually(async () => expect(await sink.effects()).toHaveLength(2));
  await source.publish(["a", "3"]);
  await eventually(async () => expect(await sink.effects()).toHaveLength(3));
  expect(await sink.effects()).toEqual([
    { sequence: 1, key: "a", content: "1" },
    { sequence: 2, key: "b", content: "2" },
    { sequence: 3, key: "a", content: "3" },
  ]);
  const { subscriptions } = await sink.admin.listSubscriptions({});
  expect(subscriptions).toMatchObject([{ source: "source", view: "", state: 1, appliedSequence: 3n, deadLetters: 0n }]);
});

test("a subscriber that restarts goes on where it was", async () => {
  const folder = temporaryFolder();
  const source = await startSource(folder);
  await source.publishMany(2_500, (index) => `k${index % 7}`);
  const first = await startSink(folder, source.transport, { subscriptions: [recorded], views: [counted] });
  await eventually(async () => expect((await first.effects()).length).toBeGreaterThan(0));
  await first.stop();
  await source.publishMany(500, () => "k1");
  const second = await startSink(folder, source.transport, { subscriptions: [recorded], views: [counted] });
  await eventually(async () => expect(await second.effects()).toHaveLength(3_000));
  expect((await second.effects()).map(({ sequence }) => sequence)).toEqual(
    Array.from({ length: 3_000 }, (_, i) => i + 1),
  );
  await eventually(async () => {
    const rows = await rowsOf(second.store, 1);
    expect(rows.reduce((sum, { events }) => sum + events, 0)).toBe(3_000);
  });
});

test("a subscriber whose own store takes nothing is stalled, though the feed answers every time", async () => {
  const folder = temporaryFolder();
  const time = fakeTime();
  const runtime = { ...systemRuntime(), ...time };
  const source = await startSource(folder, runtime);
  let full = false;
  const wrapStore = (store: Store): Store => ({
    read: (job) => store.read(job),
    write: (job, options) => (full ? Promise.reject(fail(STORE_FULL, { service: "sink" })) : store.write(job, options)),
    findReply: (...call) => store.findReply(...call),
    onEvents: (listener) => store.onEvents(listener),
    backup: (...call) => store.backup(...call),
    close: () => store.close(),
  });
  const sink = await startSink(folder, source.transport, { subscriptions: [recorded] }, { runtime, wrapStore });
  const state = async () => (await sink.admin.listSubscriptions({})).subscriptions[0]?.state;
  await eventually(async () => expect(await state()).toBe(SubscriptionState.CONNECTED));
  full = true;
  await source.publish(["a", "1"]);
  await eventually(async () => {
    await time.advance(500);
    expect(await state()).toBe(SubscriptionState.STALLED);
  });
  // And stays so from one try to the next.
  for (let look = 0; look < 20; look++) {
    await time.advance(250);
    expect(await state()).toBe(SubscriptionState.STALLED);
  }
  full = false;
  await eventually(async () => {
    await time.advance(500);
    expect(await sink.effects()).toHaveLength(1);
    expect(await state()).toBe(SubscriptionState.CONNECTED);
  });
});

test("a feed that takes the call and never says a word is called anew", async () => {
  const folder = temporaryFolder();
  const time = fakeTime();
  const runtime = { ...systemRuntime(), ...time };
  const source = await startSource(folder, runtime);
  await source.publish(["a", "1"]);
  let calls = 0;
  const transport: Transport = {
    unary: (...call) => source.transport.unary(...call),
    stream: (...call) => {
      calls += 1;
      if (calls > 1) return source.transport.stream(...call);
      const [, signal] = call;
      return new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
    },
  };
  const sink = await startSink(folder, transport, { subscriptions: [recorded] }, { runtime });
  await eventually(() => expect(calls).toBe(1));
  await time.advance(SILENT_STREAM_MS_MAX + 1_000);
  await eventually(async () => {
    await time.advance(100);
    expect(await sink.effects()).toHaveLength(1);
  });
});
