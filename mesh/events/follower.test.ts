import { expect, test } from "vitest";
import {
  counted,
  eventually,
  recorded,
  rowsOf,
  startSink,
  startSource,
  temporaryFolder,
} from "./fixtures/event-mesh.ts";

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
