import { setTimeout as sleep } from "node:timers/promises";
import { CustomerCreatedSchema, CustomerUpdatedSchema } from "@heddle/contracts/customer/v1";
import { defineService, run } from "@heddle/mesh/service";
import type { Store } from "@heddle/mesh/store";

// A service that publishes when it is told to by IPC: `fill:<events>`, or `trickle:<events>`, one transaction each.

const CUSTOMERS = 20_000;
/** Milliseconds between events that are published one by one. */
const TRICKLE_MS = 4;
const FILL_STEP = 1_000;

let store: Store;

await run(
  defineService({
    name: "benchsource",
    version: "1.0.0",
    migrations: new URL("./migrations/", import.meta.url),
    publishes: [CustomerCreatedSchema, CustomerUpdatedSchema],
    implement(context) {
      store = context.store;
      return { implementations: [] };
    },
  }),
);

const customer = (index: number) => ({
  id: `cus_${String(index % CUSTOMERS).padStart(26, "0")}`,
  givenName: `Ada ${index}`,
  familyName: "Lovelace",
  email: `ada${index}@example.com`,
  phone: "+442071234567",
});

const fill = async (events: number): Promise<void> => {
  for (let first = 0; first < events; first += FILL_STEP) {
    await store.write(async (tx) => {
      for (let index = first; index < Math.min(events, first + FILL_STEP); index++)
        await tx.publish(CustomerCreatedSchema, { customer: customer(index) });
    });
  }
};

/** When each commit was acknowledged, in milliseconds since the epoch. */
const trickle = async (events: number): Promise<number[]> => {
  const times: number[] = [];
  for (let index = 0; index < events; index++) {
    await store.write((tx) => tx.publish(CustomerUpdatedSchema, { customer: customer(index) }));
    times.push(performance.timeOrigin + performance.now());
    await sleep(TRICKLE_MS);
  }
  return times;
};

process.on("message", (question: string) => {
  const [what, count] = question.split(":");
  const work = what === "fill" ? fill(Number(count)) : trickle(Number(count));
  work.then((answer) => process.send?.(answer ?? "done"));
});
