import { CustomerService } from "@heddle/contracts/customer/v1";
import { type Endpoint, type Registration, register, registryEndpoints } from "@heddle/mesh/discovery";
import { createLog } from "@heddle/mesh/observe";
import { addressPool, transportOver } from "@heddle/mesh/rpc";
import { parseAddress, systemRuntime } from "@heddle/mesh/runtime";

/*
 * Holds instances in a gateway's registry, and watches them as their callers do. `changes:N` lets N instances come and go, one at a
 * time, and answers with the milliseconds from each change to each watcher that heard of it.
 */

const [gateway = "", instances = "1000", watchers = "20"] = process.argv.slice(2);
const runtime = systemRuntime();
const log = createLog({ service: "fleet", level: "warn", clock: runtime.clock });

/** As many streams as one connection may have are few: each side of the fleet has connections of its own. */
const open = () => {
  const pool = addressPool(parseAddress(gateway), { wire: "heddle", runtime, limits: { connectionsMax: 64 } });
  return transportOver(pool, gateway, runtime);
};
const registrations = open();

const enter = async (number: number): Promise<Registration> => {
  const instance = {
    instanceId: `ins_${number}`,
    address: `127.0.0.1:${10_000 + number}`,
    definition: { name: "customer", version: "0.0.0" },
    services: [CustomerService],
  };
  const registration = register({ instance, transport: registrations, runtime, log });
  await registration.registered;
  return registration;
};

/** Who waits for a list that says so. */
const heard = new Set<(endpoints: readonly Endpoint[], watcher: number) => void>();
const latest: (readonly Endpoint[])[] = [];
for (let watcher = 0; watcher < Number(watchers); watcher++) {
  const source = registryEndpoints({ transport: open(), memory: undefined, runtime, log });
  source.watch(CustomerService.typeName, (endpoints) => {
    latest[watcher] = endpoints;
    for (const hear of heard) hear(endpoints, watcher);
  });
}

/** Milliseconds from now until each watcher's list is as it should be. */
const untilAll = (isRight: (endpoints: readonly Endpoint[]) => boolean): Promise<number[]> =>
  new Promise((resolve) => {
    const startMs = performance.now();
    const took = new Map<number, number>();
    const hear = (endpoints: readonly Endpoint[], watcher: number) => {
      if (took.has(watcher) || !isRight(endpoints)) return;
      took.set(watcher, performance.now() - startMs);
      if (took.size < latest.length) return;
      heard.delete(hear);
      resolve([...took.values()]);
    };
    heard.add(hear);
    for (const [watcher, endpoints] of latest.entries()) hear(endpoints, watcher);
  });

const fleet = Number(instances);
for (let number = 0; number < fleet; number += 50) {
  await Promise.all(Array.from({ length: Math.min(50, fleet - number) }, (_, index) => enter(number + index)));
}
await untilAll(({ length }) => length === fleet);

process.on("message", async (question: string) => {
  const changes = Number(question.split(":")[1]);
  const all: number[] = [];
  for (let change = 0; change < changes; change += 2) {
    const added = untilAll(({ length }) => length === fleet + 1);
    const registration = await enter(fleet);
    all.push(...(await added));
    const removed = untilAll(({ length }) => length === fleet);
    await registration.leave();
    all.push(...(await removed));
  }
  process.send?.(all);
});
process.send?.("ready");
