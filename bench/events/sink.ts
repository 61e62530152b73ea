import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { CustomerCreatedSchema, CustomerUpdatedSchema } from "@heddle/contracts/customer/v1";
import { on, viewGeneration } from "@heddle/mesh/events";
import { defineService, run } from "@heddle/mesh/service";
import type { Store } from "@heddle/mesh/store";
import { dropTotals, foldTotals, totalsText } from "./store.ts";

// A service that follows `benchsource`: a view of what was created, and a handler for what was updated, which publishes in turn, as
// creditscore does. By IPC: `times:<events>` waits for so many updates and tells when each was applied, on the disk; `content` tells
// the generation in force and a hash of its rows.

let store: Store;
/** Updates that were applied in transactions on their way to the disk. */
let applying = 0;
const times: number[] = [];

const definition = defineService({
  name: "benchsink",
  version: "1.0.0",
  migrations: new URL("./migrations/", import.meta.url),
  publishes: [CustomerUpdatedSchema],
  implement(context) {
    store = context.store;
    // Published in the transaction of the effect: when it is told, the effect is on the disk.
    store.onEvents(() => {
      const nowMs = performance.timeOrigin + performance.now();
      for (; applying > 0; applying--) times.push(nowMs);
    });
    return {
      implementations: [],
      subscriptions: [
        {
          from: "benchsource",
          handlers: [
            on(CustomerUpdatedSchema, async (tx, { message }) => {
              await tx.publish(CustomerUpdatedSchema, message);
              applying += 1;
            }),
          ],
        },
      ],
      views: [
        {
          name: "totals",
          sources: [{ from: "benchsource", events: [CustomerCreatedSchema] }],
          apply: foldTotals,
          drop: dropTotals,
        },
      ],
    };
  },
});

await run(definition);

const timesOf = async (events: number): Promise<number[]> => {
  while (times.length < events) await sleep(20);
  return times;
};

const content = (): Promise<{ generation: number; hash: string }> =>
  store.read(async (reader) => {
    const generation = await viewGeneration(reader, "totals");
    const text = await totalsText(reader, generation);
    return { generation, hash: createHash("sha256").update(text).digest("hex") };
  });

process.on("message", (question: string) => {
  const [what, count] = question.split(":");
  const answer: Promise<unknown> = what === "times" ? timesOf(Number(count)) : content();
  answer.then((value) => process.send?.(value));
});
