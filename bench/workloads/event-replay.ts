import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { toBinary } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { SubscriptionService } from "@heddle/contracts/heddle/events/v1";
import { CustomerOverviewSchema, OverviewService } from "@heddle/contracts/overview/v1";
import { addressedTo } from "@heddle/mesh/rpc";
import { cpuMicros } from "../accounts.ts";
import { freePort, OTHER_CORE, startProcess, startService } from "../contestant.ts";
import { median } from "../median.ts";
import { type Row, TASKSET, type Workload } from "../row.ts";

const SOURCES = ["customer", "socialsecurity", "creditscore", "billing", "order"];
/** Each has 50 events, so that a million are replayed. */
const CUSTOMERS = 20_000;

/**
 * A million events of five services into an empty overview, as `heddle events rebuild overview` does it, through the gateway. The view
 * then shows the same, customer by customer, as the one before.
 */
export const eventReplay: Workload = {
  name: "event-replay",
  tools: [TASKSET],
  async run({ runs, progress }) {
    const folder = mkdtempSync(join(tmpdir(), "heddle-bench-"));
    const running: { stop(): Promise<void> }[] = [];
    try {
      const port = await freePort();
      const env = { HEDDLE_DATA: folder, HEDDLE_PORT: String(port), HEDDLE_LOG_LEVEL: "warn" };
      const beside = { core: OTHER_CORE, env };
      running.push(await startService("gateway", beside));
      let events = 0;
      for (const source of SOURCES) {
        const feed = await startProcess(["bench/events/feed.ts", source], beside);
        running.push(feed);
        events += Number(await feed.ask(`fill:${CUSTOMERS}`));
      }
      const overview = await startService("overview", { env });
      running.push(overview);
      const transport = createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}` });
      const subscriptions = createClient(SubscriptionService, addressedTo(transport, "overview"));
      const overviews = createClient(OverviewService, transport);
      await applied(subscriptions, 1, events);
      const before = await contentOf(overviews);
      const rates: number[] = [];
      const cpu: number[] = [];
      for (let round = 0; round < runs; round++) {
        const { generation, startMs, startMicros } = await rebuild(subscriptions, overview.pid);
        await applied(subscriptions, generation, events);
        rates.push(events / ((performance.now() - startMs) / 1_000));
        cpu.push((cpuMicros([overview.pid]) - startMicros) / events);
        const after = await contentOf(overviews);
        if (after !== before)
          throw new Error(`generation ${generation} of the overview does not show what the first did`);
        const rate = Math.round(rates.at(-1) ?? 0).toLocaleString("en-US");
        progress(
          `${events.toLocaleString("en-US")} events, ${rate}/s, ${cpu.at(-1)?.toFixed(1)} us of overview's CPU each; same content: ${after.slice(0, 16)}`,
        );
      }
      return [
        row("event-replay", Math.round(median(rates)), "events/s"),
        row("event-replay-cpu", Math.round(median(cpu) * 10) / 10, "us/event"),
      ];
    } finally {
      for (const each of running.toReversed()) await each.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

type Subscriptions = Client<typeof SubscriptionService>;

/** Resolves when a generation is in force with all events in it. */
const applied = async (client: Subscriptions, generation: number, events: number): Promise<void> => {
  for (;;) {
    const { subscriptions } = await client.listSubscriptions({});
    const own = subscriptions.filter((each) => each.generation === generation);
    const count = own.reduce((sum, { eventsApplied }) => sum + Number(eventsApplied), 0);
    if (count >= events && own.every(({ inForce }) => inForce)) return;
    await sleep(20);
  }
};

/** The generation before is deleted after it was replaced, which the next rebuild waits for; not the replay's work. */
const rebuild = async (client: Subscriptions, pid: number) => {
  for (;;) {
    const startMs = performance.now();
    const startMicros = cpuMicros([pid]);
    try {
      const { generation } = await client.rebuildView({ view: "overview" });
      return { generation, startMs, startMicros };
    } catch (error) {
      if (!String(error).includes("still being deleted")) throw error;
      await sleep(100);
    }
  }
};

/** A hash of every customer's overview, as the API shows it. */
const contentOf = async (client: Client<typeof OverviewService>): Promise<string> => {
  const hash = createHash("sha256");
  let count = 0;
  for (let pageToken = "", first = true; first || pageToken !== ""; first = false) {
    const page = await client.listCustomerOverviews({ pageSize: 1_000, pageToken });
    for (const overview of page.customerOverviews) hash.update(toBinary(CustomerOverviewSchema, overview));
    count += page.customerOverviews.length;
    pageToken = page.nextPageToken;
  }
  if (count !== CUSTOMERS) throw new Error(`${count} overviews, and ${CUSTOMERS} customers`);
  return hash.digest("hex");
};

const row = (name: string, ours: number, unit: string): Row => ({ name, ours, unit, peers: {} });
