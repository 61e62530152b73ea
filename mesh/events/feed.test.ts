import type { MessageInitShape } from "@bufbuild/protobuf";
import { create, toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { CustomerCreatedSchema, CustomerDeletedSchema } from "@heddle/contracts/customer/v1";
import {
  EventFeedService,
  type SubscribeRequestSchema,
  type SubscribeResponse,
} from "@heddle/contracts/heddle/events/v1";
import { expect, onTestFinished, test, vi } from "vitest";
import { systemRuntime } from "../runtime/index.ts";
import { openStore } from "../store/index.ts";
import { expectFailure, fakeTime } from "../testing/index.ts";
import { eventually, type Source, startSource, temporaryFolder } from "./fixtures/event-mesh.ts";
import { BATCH_EVENTS_MAX, FEED_POLL_MS, HEARTBEAT_MS } from "./limits.ts";

const feedOf = ({ transport }: Pick<Source, "transport">) => createClient(EventFeedService, transport);

/** Reads a feed by hand; ends with the test. */
const subscribe = (source: Source, request: MessageInitShape<typeof SubscribeRequestSchema>) => {
  const stop = new AbortController();
  const responses = feedOf(source).subscribe(request, { signal: stop.signal })[Symbol.asyncIterator]();
  onTestFinished(() => stop.abort());
  return {
    stop,
    async next(): Promise<SubscribeResponse> {
      const { value, done } = await responses.next();
      if (done) throw new Error("the stream has ended");
      return value;
    },
  };
};

const sequencesOf = ({ body }: SubscribeResponse): bigint[] =>
  body.case === "batch"
    ? body.value.events.map(({ sequence }) => sequence)
    : body.case === "event"
      ? [body.value.sequence]
      : [];

test("events come one by one to who does not ask for more, then a heartbeat that says that this is all", async () => {
  const source = await startSource(temporaryFolder());
  await source.publish(["a", "1"], ["b", "2"]);
  const stream = subscribe(source, {});
  expect(sequencesOf(await stream.next())).toEqual([1n]);
  const second = await stream.next();
  expect(second.body).toMatchObject({
    case: "event",
    value: {
      sequence: 2n,
      key: "b",
      type: "customer.v1.CustomerCreated",
      payload: { typeUrl: "type.googleapis.com/customer.v1.CustomerCreated" },
    },
  });
  const heartbeat = await stream.next();
  expect(heartbeat.body).toMatchObject({ case: "heartbeat", value: { lastSequence: 2n } });
  expect(heartbeat.fingerprint).toEqual(second.fingerprint);
});

test("batches hold no more than was asked for, and say how far the feed is", async () => {
  const source = await startSource(temporaryFolder());
  await source.publishMany(25, () => "a");
  const stream = subscribe(source, { batchEventsMax: 10, afterSequence: 2n });
  const first = await stream.next();
  expect(sequencesOf(first)).toEqual(Array.from({ length: 10 }, (_, index) => BigInt(index + 3)));
  expect(sequencesOf(await stream.next())).toHaveLength(10);
  const third = await stream.next();
  expect(third.body).toMatchObject({ case: "batch", value: { lastSequence: 25n, feedLastSequence: 25n } });
});

test("batches stay about a mebibyte, and a larger event goes alone", async () => {
  const source = await startSource(temporaryFolder());
  const large = "x".repeat(1000 * 1024);
  await source.publish(["a", large], ["b", large], ["c", "small"], ["d", "small"]);
  const stream = subscribe(source, { batchEventsMax: BATCH_EVENTS_MAX });
  const batches = [await stream.next(), await stream.next()];
  expect(batches.map(sequencesOf)).toEqual([[1n], [2n, 3n, 4n]]);
});

test("a filter leaves out other types and says how far it has come", async () => {
  const source = await startSource(temporaryFolder());
  await source.publish(["a", "1"]);
  await source.store.write((tx) => tx.publish(CustomerDeletedSchema, { customer: { id: "a" } }));
  await source.publish(["b", "3"]);
  const stream = subscribe(source, { types: ["customer.v1.CustomerDeleted"], batchEventsMax: 10 });
  const { body } = await stream.next();
  expect(body).toMatchObject({ case: "batch", value: { lastSequence: 3n } });
  expect(body.case === "batch" && body.value.events.map(({ sequence }) => sequence)).toEqual([2n]);
});

test("a new event comes at once, from the same transaction all together", async () => {
  const source = await startSource(temporaryFolder());
  const stream = subscribe(source, { batchEventsMax: 10 });
  expect((await stream.next()).body.case).toBe("heartbeat");
  await source.publishMany(3, (index) => `k${index}`);
  expect(sequencesOf(await stream.next())).toEqual([1n, 2n, 3n]);
});

test("an idle feed says every two seconds that it lives", async () => {
  const time = fakeTime();
  const source = await startSource(temporaryFolder(), { ...systemRuntime(), ...time });
  await source.publish(["a", "1"]);
  const stream = subscribe(source, { afterSequence: 1n });
  expect((await stream.next()).body.case).toBe("heartbeat");
  const next = stream.next();
  await eventually(() => expect(time.pending()).toBeGreaterThan(1));
  await time.advance(HEARTBEAT_MS);
  expect((await next).body).toMatchObject({ case: "heartbeat", value: { lastSequence: 1n } });
});

test("a feed of unwanted events says that it lives as well", async () => {
  const time = fakeTime();
  const source = await startSource(temporaryFolder(), { ...systemRuntime(), ...time });
  const stream = subscribe(source, { types: ["customer.v1.CustomerDeleted"] });
  expect((await stream.next()).body.case).toBe("heartbeat");
  let heard: SubscribeResponse | undefined;
  void stream.next().then(
    (response) => (heard = response),
    () => undefined,
  );
  for (let waitedMs = 0; waitedMs <= 2 * HEARTBEAT_MS; waitedMs += HEARTBEAT_MS - 100) {
    // The stream's own timer is set again by each event.
    await eventually(() => expect(time.pending()).toBeGreaterThan(1));
    await time.advance(HEARTBEAT_MS - 100);
    await source.publish(["a", "unwanted"]);
    await source.store.read(async () => undefined);
  }
  await eventually(() => expect(heard?.body.case).toBe("heartbeat"));
});

test("the first message says how far the feed is, though nobody has followed it before", async () => {
  const source = await startSource(temporaryFolder());
  await source.publishMany(25, () => "a");
  const { body } = await subscribe(source, { batchEventsMax: 10 }).next();
  expect(body).toMatchObject({ case: "batch", value: { lastSequence: 10n, feedLastSequence: 25n } });
});

test("what another replica has written to the file comes within a poll", async () => {
  const folder = temporaryFolder();
  const time = fakeTime();
  const runtime = { ...systemRuntime(), ...time };
  const source = await startSource(folder, runtime);
  const stream = subscribe(source, {});
  expect((await stream.next()).body.case).toBe("heartbeat");
  const next = stream.next();
  const migrations = new URL("./fixtures/migrations/", import.meta.url);
  const replica = await openStore({ path: `${folder}/source.db`, name: "source", migrations, runtime });
  onTestFinished(() => replica.close());
  await replica.write((tx) => tx.publish(CustomerCreatedSchema, { customer: { id: "a" } }));
  await time.advance(FEED_POLL_MS);
  expect(sequencesOf(await next)).toEqual([1n]);
});

test("a sequence beyond the end, and another event than the subscriber knows, are refused", async () => {
  const source = await startSource(temporaryFolder());
  await source.publish(["a", "1"], ["a", "2"]);
  expect(await expectFailure(subscribe(source, { afterSequence: 3n }).next())).toMatchObject({
    code: "OutOfRange",
    reason: "SEQUENCE_UNKNOWN",
    metadata: { lastSequence: "2", afterSequence: "3" },
  });
  const { fingerprint } = await subscribe(source, {}).next();
  expect((await subscribe(source, { afterSequence: 1n, afterFingerprint: fingerprint }).next()).body.case).toBe(
    "event",
  );
  expect(
    await expectFailure(subscribe(source, { afterSequence: 2n, afterFingerprint: fingerprint }).next()),
  ).toMatchObject({ code: "OutOfRange", reason: "FEED_DIVERGED", metadata: { afterSequence: "2" } });
});

test("a subscriber that does not read holds up neither the feed nor others, and costs no more than its window", async () => {
  const source = await startSource(temporaryFolder());
  const payload = toBinary(
    CustomerCreatedSchema,
    create(CustomerCreatedSchema, { customer: { id: "k", givenName: "x".repeat(10_000) } }),
  );
  const lazy = subscribe(source, { batchEventsMax: BATCH_EVENTS_MAX, subscriber: "lazy" });
  expect((await lazy.next()).body.case).toBe("heartbeat");
  const eager = subscribe(source, { batchEventsMax: BATCH_EVENTS_MAX, subscriber: "eager" });
  for (let round = 0; round < 20; round++) {
    await source.store.write(async (tx) => {
      for (let event = 0; event < 100; event++)
        await tx.publish(CustomerCreatedSchema, { customer: { id: `k${event}`, givenName: "x".repeat(10_000) } });
    });
  }
  let seen = 0n;
  while (seen < 2_000n) seen = sequencesOf(await eager.next()).at(-1) ?? seen;
  const { subscribers } = await feedOf(source).getFeedStatus({});
  const sent = new Map(subscribers.map(({ name, sentSequence }) => [name, Number(sentSequence)]));
  expect(sent.get("eager")).toBeGreaterThan(1_900);
  // What is on its way to it: its window, and what the feed had encoded when that was full.
  expect((sent.get("lazy") ?? 0) * payload.length).toBeLessThan(8 * 1024 * 1024);
  let late = 0n;
  while (late < 2_000n) late = sequencesOf(await lazy.next()).at(-1) ?? late;
});

test("many subscribers at the end of a feed cost one read of each event", async () => {
  const source = await startSource(temporaryFolder());
  const streams = Array.from({ length: 20 }, () => subscribe(source, { batchEventsMax: 10 }));
  for (const stream of streams) expect((await stream.next()).body.case).toBe("heartbeat");
  const read = vi.spyOn(source.store, "read");
  await source.publish(["a", "1"]);
  for (const stream of streams) expect(sequencesOf(await stream.next())).toEqual([1n]);
  expect(read.mock.calls.length).toBeLessThan(5);
});

test("a feed that ends says UNAVAILABLE, at once", async () => {
  const source = await startSource(temporaryFolder());
  const stream = subscribe(source, {});
  expect((await stream.next()).body.case).toBe("heartbeat");
  const next = stream.next();
  source.feed.end();
  expect(await expectFailure(next)).toMatchObject({ code: "Unavailable", retryable: true });
  expect(await expectFailure(subscribe(source, {}).next())).toMatchObject({ code: "Unavailable" });
});

test("a feed says who follows it and how far it has come", async () => {
  const source = await startSource(temporaryFolder());
  const feed = feedOf(source);
  expect(await feed.getFeedStatus({})).toMatchObject({ firstSequence: 0n, lastSequence: 0n, subscribers: [] });
  await source.publish(["a", "1"], ["b", "2"]);
  const stream = subscribe(source, { subscriber: "overview", batchEventsMax: 10 });
  await stream.next();
  await stream.next();
  expect(await feed.getFeedStatus({})).toMatchObject({
    firstSequence: 1n,
    lastSequence: 2n,
    subscribers: [{ name: "overview", sentSequence: 2n }],
  });
  stream.stop.abort();
  await eventually(async () => expect((await feed.getFeedStatus({})).subscribers).toEqual([]));
});
