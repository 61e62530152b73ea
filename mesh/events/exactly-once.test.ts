import { CustomerCreatedSchema, CustomerDeletedSchema } from "@heddle/contracts/customer/v1";
import { expect, test } from "vitest";
import {
  counted,
  cutOff,
  eventually,
  insertEffectOf,
  recorded,
  rowsOf,
  startSink,
  startSource,
  temporaryFolder,
} from "./fixtures/event-mesh.ts";
import { on, onPrepared, type Subscription } from "./subscription.ts";

/** Fails once for each event of the key "shaky", then takes it. */
const shaky = (): Subscription => {
  const failed = new Set<bigint>();
  return {
    from: "source",
    handlers: [
      on(CustomerCreatedSchema, async (tx, event) => {
        await insertEffectOf(tx, event);
        if (event.key !== "shaky" || failed.has(event.sequence)) return;
        failed.add(event.sequence);
        throw new Error("not today");
      }),
    ],
  };
};

/** Asks somebody first, and gets the answers in another order than it asked. */
const asking = (): Subscription => ({
  from: "source",
  handlers: [
    onPrepared(
      CustomerCreatedSchema,
      async ({ sequence }) => {
        for (let turns = Number(sequence % 3n); turns >= 0; turns--)
          await new Promise((resolve) => setImmediate(resolve));
        return sequence;
      },
      async (tx, event, prepared) => {
        if (prepared !== event.sequence) throw new Error("the answer belongs to another event");
        await insertEffectOf(tx, event);
      },
    ),
    on(CustomerDeletedSchema, async () => undefined),
  ],
});

const KEYS = ["a", "shaky", "b", "shaky", "a", "c", "b"];

const expectOnce = (effects: readonly { sequence: number; key: string }[]): void => {
  expect(effects.map(({ sequence }) => sequence).sort((x, y) => x - y)).toEqual(KEYS.map((_, index) => index + 1));
  for (const key of new Set(KEYS)) {
    const own = effects.filter((effect) => effect.key === key).map(({ sequence }) => sequence);
    expect(own, `the order of ${key}`).toEqual(own.toSorted((x, y) => x - y));
  }
};

for (const [name, declare] of [
  ["events that fail once", shaky],
  ["events that ask others first", asking],
] as const) {
  for (const where of ["before", "after"] as const) {
    test(`${name} take effect once, in the order of their keys, when it is killed ${where} any of its writes`, async () => {
      const source = await startSource(temporaryFolder());
      await source.publish(...KEYS.map((key, index) => [key, `${index}`] as const));
      for (let at = 2; ; at++) {
        const folder = temporaryFolder();
        const store = cutOff(at, where);
        const declared = { subscriptions: [declare()], views: [counted] };
        const first = await startSink(folder, source.transport, declared, { wrapStore: store.wrap });
        const finished = eventually(async () => expect(await first.effects()).toHaveLength(KEYS.length));
        const cut = await Promise.race([store.cut.then(() => true), finished.then(() => false)]);
        // As many as there are, and a few more: when the last effect is there, no further write is of interest.
        if (!cut && at > 6) break;
        finished.catch(() => undefined);
        await (cut ? first.crash() : first.stop());
        const second = await startSink(folder, source.transport, declared);
        await eventually(async () => expect(await second.effects()).toHaveLength(KEYS.length));
        await eventually(async () => {
          const rows = await rowsOf(second.store, 1);
          expect(rows.map(({ key, events }) => [key, events])).toEqual([
            ["a", 2],
            ["b", 2],
            ["c", 1],
            ["shaky", 2],
          ]);
        });
        expectOnce(await second.effects());
        await second.stop();
      }
    });
  }
}

test("a subscriber whose source is killed and comes back gets each event once", async () => {
  const folder = temporaryFolder();
  let source = await startSource(folder);
  const transport = {
    unary: (...call: Parameters<typeof source.transport.unary>) => source.transport.unary(...call),
    stream: (...call: Parameters<typeof source.transport.stream>) => source.transport.stream(...call),
  } as typeof source.transport;
  const sink = await startSink(folder, transport, { subscriptions: [recorded] });
  for (let round = 0; round < 3; round++) {
    await source.publishMany(400, (index) => `k${index % 5}`);
    await source.stop();
    source = await startSource(folder);
  }
  await eventually(async () => expect(await sink.effects()).toHaveLength(1_200));
  expect((await sink.effects()).map(({ sequence }) => sequence)).toEqual(
    Array.from({ length: 1_200 }, (_, i) => i + 1),
  );
});

test("two replicas on one file apply each event once", async () => {
  const folder = temporaryFolder();
  const source = await startSource(folder);
  const sinks = [
    await startSink(folder, source.transport, { subscriptions: [recorded] }),
    await startSink(folder, source.transport, { subscriptions: [recorded] }),
  ];
  for (let round = 0; round < 20; round++) await source.publishMany(50, (index) => `k${index % 5}`);
  await eventually(async () => expect(await sinks[0]?.effects()).toHaveLength(1_000));
  expect((await sinks[1]?.effects())?.map(({ sequence }) => sequence)).toEqual(
    Array.from({ length: 1_000 }, (_, index) => index + 1),
  );
});
