import { CustomerCreatedSchema } from "@heddle/contracts/customer/v1";
import { DeadLetterKind, SubscriptionState } from "@heddle/contracts/heddle/events/v1";
import { expect, test } from "vitest";
import { systemRuntime } from "../runtime/index.ts";
import { type NoParams, sql } from "../store/index.ts";
import { expectFailure, fakeTime } from "../testing/index.ts";
import { eventually, insertEffectOf, startSink, startSource, temporaryFolder } from "./fixtures/event-mesh.ts";
import { ATTEMPTS_MAX, PREPARES_MAX, SKIP_ROWS_MAX } from "./limits.ts";
import { on, onPrepared, type Subscription } from "./subscription.ts";

const decisions = sql<NoParams, { action: string; sequence: number; reason: string; error: string }>(
  "SELECT action, sequence, reason, error FROM heddle_event_decisions ORDER BY decision_id",
);

/** Refuses the events whose content it is told to. */
const picky = () => {
  const refused = new Set<string>();
  const subscription: Subscription = {
    from: "source",
    handlers: [
      on(CustomerCreatedSchema, async (tx, event) => {
        await insertEffectOf(tx, event);
        if (refused.has(event.message.customer?.givenName ?? "")) throw new Error("no taste for it");
      }),
    ],
  };
  return { refused, subscription };
};

/** A source and a sink whose "a2" fails until it is a dead letter. */
const withDeadLetter = async () => {
  const folder = temporaryFolder();
  const time = fakeTime();
  const runtime = { ...systemRuntime(), ...time };
  const source = await startSource(folder, runtime);
  const { refused, subscription } = picky();
  refused.add("a2");
  await source.publish(["a", "a1"], ["a", "a2"], ["b", "b1"], ["a", "a3"]);
  const sink = await startSink(folder, source.transport, { subscriptions: [subscription] }, { runtime });
  await eventually(async () => {
    await time.advance(10_000);
    const { deadLetters } = await sink.admin.listDeadLetters({});
    expect(deadLetters).toHaveLength(2);
  });
  return { folder, time, source, sink, refused, subscription };
};

const contents = (effects: readonly { content: string }[]) => effects.map(({ content }) => content);

test("an event that keeps failing becomes a dead letter with its error; others of its key wait behind it, other keys go on", async () => {
  const { sink, source } = await withDeadLetter();
  await source.publish(["b", "b2"]);
  await eventually(async () => expect(contents(await sink.effects())).toEqual(["a1", "b1", "b2"]));
  const { deadLetters } = await sink.admin.listDeadLetters({});
  expect(deadLetters).toMatchObject([
    {
      source: "source",
      sequence: 2n,
      key: "a",
      type: "customer.v1.CustomerCreated",
      kind: DeadLetterKind.FAILED,
      error: "Error: no taste for it",
      attempts: ATTEMPTS_MAX,
    },
    { sequence: 4n, key: "a", kind: DeadLetterKind.HELD, attempts: 0 },
  ]);
  const { subscriptions } = await sink.admin.listSubscriptions({});
  expect(subscriptions).toMatchObject([
    { deadLetters: 2n, waiting: 0n, appliedSequence: 5n, lastError: "Error: no taste for it" },
  ]);
  expect(sink.log.find(({ msg }) => String(msg).startsWith("an event is a dead letter"))).toMatchObject({
    level: "error",
    sequence: "2",
    attempts: ATTEMPTS_MAX,
  });
});

test("a dead letter shows no personal data", async () => {
  const { sink } = await withDeadLetter();
  const { deadLetters } = await sink.admin.listDeadLetters({});
  expect(deadLetters[0]?.content).toContain("[redacted]");
  expect(deadLetters[0]?.content).not.toContain("a2");
});

test("dead letters that are replayed take effect in the order of their key", async () => {
  const { sink, refused, time } = await withDeadLetter();
  refused.clear();
  expect(await sink.admin.replayDeadLetters({ key: "a" })).toMatchObject({ replayed: 2n });
  await eventually(async () => {
    await time.advance(100);
    expect(contents(await sink.effects())).toEqual(["a1", "b1", "a2", "a3"]);
  });
  expect((await sink.admin.listDeadLetters({})).deadLetters).toEqual([]);
});

test("a dead letter that is skipped is on the record, and lets those go on that it held", async () => {
  const { sink, time } = await withDeadLetter();
  expect(await sink.admin.skipDeadLetters({ sequence: 2n, reason: "sent twice by the old client" })).toMatchObject({
    skipped: 1n,
  });
  await eventually(async () => {
    await time.advance(100);
    expect(contents(await sink.effects())).toEqual(["a1", "b1", "a3"]);
  });
  expect(await sink.store.read((reader) => reader.all(decisions, {}))).toEqual([
    { action: "skip", sequence: 2, reason: "sent twice by the old client", error: "Error: no taste for it" },
  ]);
});

test("nothing is skipped by a request that does not say what", async () => {
  const { sink } = await withDeadLetter();
  expect(await expectFailure(sink.admin.skipDeadLetters({ reason: "away with it" }))).toMatchObject({
    code: "InvalidArgument",
    reason: "SKIP_TOO_WIDE",
  });
  expect(await sink.admin.skipDeadLetters({ all: true, reason: "away with it" })).toMatchObject({ skipped: 2n });
});

test("all dead letters are skipped, however many, and none that is tried again", async () => {
  const { sink, source, time, refused } = await withDeadLetter();
  // More than one transaction skips, the last of them behind the first.
  await source.publishMany(SKIP_ROWS_MAX + 10, () => "a");
  await eventually(async () => {
    const { subscriptions } = await sink.admin.listSubscriptions({});
    expect(subscriptions[0]?.deadLetters).toBe(BigInt(SKIP_ROWS_MAX + 12));
  });
  refused.add("c1");
  await source.publish(["c", "c1"]);
  await eventually(async () =>
    expect((await sink.admin.listSubscriptions({})).subscriptions[0]).toMatchObject({ waiting: 1n }),
  );
  expect(await sink.admin.skipDeadLetters({ all: true, reason: "the handler was wrong" })).toMatchObject({
    skipped: BigInt(SKIP_ROWS_MAX + 12),
  });
  refused.clear();
  await eventually(async () => {
    await time.advance(1_000);
    expect(contents(await sink.effects())).toEqual(["a1", "b1", "c1"]);
  });
});

test("dead letters and those behind them survive a restart", async () => {
  const { folder, source, sink, refused, subscription, time } = await withDeadLetter();
  await sink.stop();
  refused.clear();
  await source.publish(["a", "a4"]);
  const next = await startSink(
    folder,
    source.transport,
    { subscriptions: [subscription] },
    { runtime: { ...systemRuntime(), ...time } },
  );
  await eventually(async () => expect((await next.admin.listDeadLetters({})).deadLetters).toHaveLength(3));
  await next.admin.replayDeadLetters({});
  await eventually(async () => {
    await time.advance(100);
    expect(contents(await next.effects())).toEqual(["a1", "b1", "a2", "a3", "a4"]);
  });
});

test("a list of dead letters is paged, each once", async () => {
  const { sink } = await withDeadLetter();
  const first = await sink.admin.listDeadLetters({ pageSize: 1 });
  const second = await sink.admin.listDeadLetters({ pageSize: 1, pageToken: first.nextPageToken });
  expect([...first.deadLetters, ...second.deadLetters].map(({ sequence }) => sequence)).toEqual([2n, 4n]);
  expect(second.nextPageToken).toBe("");
});

test("an event that waits for its next attempt is lag, and is told as stalled", async () => {
  const folder = temporaryFolder();
  const time = fakeTime();
  const runtime = { ...systemRuntime(), ...time };
  const source = await startSource(folder, runtime);
  const { refused, subscription } = picky();
  refused.add("a1");
  const sink = await startSink(folder, source.transport, { subscriptions: [subscription] }, { runtime });
  await source.publish(["a", "a1"]);
  await eventually(async () => {
    await time.advance(500);
    const { subscriptions } = await sink.admin.listSubscriptions({});
    expect(subscriptions).toMatchObject([{ state: SubscriptionState.STALLED, waiting: 1n }]);
  });
  const alarm = sink.log.find(({ level }) => level === "error");
  expect(alarm).toMatchObject({ msg: "stalled: events wait for their effect", source: "source" });
  expect(alarm?.lagMs).toBeLessThanOrEqual(5_000);
  refused.clear();
  await eventually(async () => {
    await time.advance(5_000);
    expect(contents(await sink.effects())).toEqual(["a1"]);
  });
  await time.advance(500);
  expect(sink.log.some(({ msg }) => msg === "no longer stalled")).toBe(true);
});

test("what asks others runs for many keys at a time, and for one key one after the other", async () => {
  const folder = temporaryFolder();
  const source = await startSource(folder);
  const running = new Set<string>();
  const gate = Promise.withResolvers<void>();
  let most = 0;
  const subscription: Subscription = {
    from: "source",
    handlers: [
      onPrepared(
        CustomerCreatedSchema,
        async ({ key }) => {
          if (running.has(key)) throw new Error(`${key} runs already`);
          running.add(key);
          most = Math.max(most, running.size);
          await gate.promise;
          running.delete(key);
        },
        insertEffectOf,
      ),
    ],
  };
  await source.publishMany(200, (index) => `k${index % 50}`);
  const sink = await startSink(folder, source.transport, { subscriptions: [subscription] });
  await eventually(() => expect(running.size).toBe(PREPARES_MAX));
  gate.resolve();
  await eventually(async () => expect(await sink.effects()).toHaveLength(200));
  expect(most).toBe(PREPARES_MAX);
  const effects = await sink.effects();
  for (let key = 0; key < 50; key++) {
    const own = effects.filter((effect) => effect.key === `k${key}`).map(({ sequence }) => sequence);
    expect(own).toEqual([key + 1, key + 51, key + 101, key + 151]);
  }
});
