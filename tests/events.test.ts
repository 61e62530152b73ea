import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { EventFeedService, SubscriptionService } from "@heddle/contracts/heddle/events/v1";
import { OverviewService } from "@heddle/contracts/overview/v1";
import { addressedTo } from "@heddle/mesh/rpc";
import { systemTimers } from "@heddle/mesh/runtime";
import { expect, onTestFinished, test, vi } from "vitest";
import { type HeddleUp, heddleUp } from "./heddle-up.ts";
import { startMesh } from "./mesh.ts";

const PATIENCE = { timeout: 30_000, interval: 50 };

/** Events that are there before the first kill. */
const FILLED = 6_000;

/** The process of one service of a mesh that `heddle up` runs. */
const pidOf = ({ dataFolder }: HeddleUp, service: string): number => {
  const { services } = JSON.parse(readFileSync(`${dataFolder}/.heddle/mesh.json`, "utf8"));
  return services.find(({ name }: { name: string }) => name === service).process.pid;
};

test("what follows events is shown by heddle: stopped subscribers, sources that fell silent, rebuilds", {
  timeout: 120_000,
}, async () => {
  const mesh = await heddleUp("gateway", "customer", "socialsecurity", "overview");
  onTestFinished(async () => void (await mesh.stop()), 30_000);
  const { customer } = await mesh
    .client(CustomerService)
    .createCustomer({ givenName: "Ada", familyName: "Lovelace", email: "ada@example.com" });
  const customerId = customer?.id ?? "";
  await vi.waitFor(() => mesh.client(OverviewService).getCustomerOverview({ customerId }), PATIENCE);
  const statusOf = async (service: string) => {
    const { stdout, code } = await mesh.heddle("status", "--json");
    const found = JSON.parse(stdout).services.find((row: { service: string }) => row.service === service);
    return { code, events: found?.events as { state: string; alarm: boolean } | undefined };
  };

  // A subscriber that stands still says nothing: that is the alarm.
  const socialsecurity = pidOf(mesh, "socialsecurity");
  await vi.waitFor(
    async () => expect((await statusOf("socialsecurity")).events).toMatchObject({ alarm: false }),
    PATIENCE,
  );
  process.kill(socialsecurity, "SIGSTOP");
  expect(await statusOf("socialsecurity")).toMatchObject({ code: 1, events: { state: "no answer", alarm: true } });
  process.kill(socialsecurity, "SIGCONT");
  await vi.waitFor(
    async () => expect((await statusOf("socialsecurity")).events).toMatchObject({ alarm: false }),
    PATIENCE,
  );

  // So does a source; its subscribers tell.
  const source = pidOf(mesh, "customer");
  process.kill(source, "SIGSTOP");
  onTestFinished(() => void process.kill(source, "SIGCONT"));
  await vi.waitFor(async () => {
    const { code, stdout } = await mesh.heddle("events", "status", "overview");
    expect(code).toBe(1);
    expect(stdout).toMatch(/overview +customer +overview 1 +stalled/);
  }, PATIENCE);
  expect((await statusOf("overview")).events).toMatchObject({ state: "stalled", alarm: true });
  process.kill(source, "SIGCONT");
  await vi.waitFor(
    async () => expect((await mesh.heddle("events", "status", "socialsecurity")).code).toBe(0),
    PATIENCE,
  );

  const letters = await mesh.heddle("events", "dead-letters");
  expect(letters).toMatchObject({ code: 0, stdout: "" });
  expect(letters.stderr).toContain("There are no dead letters.");
  expect(await mesh.heddle("events", "replay", "socialsecurity", "--json")).toMatchObject({
    code: 0,
    stdout: '{"replayed":0}\n',
  });
  expect(await mesh.heddle("events", "skip", "socialsecurity", "--reason", "why not")).toMatchObject({ code: 2 });
  const resume = ["events", "resume", "socialsecurity", "customer", "--after", "1", "--reason", "why not"];
  const resumed = await mesh.heddle(...resume);
  expect(resumed.code).toBe(64 + 9);
  expect(resumed.stderr).toContain("has not diverged");

  const unknown = await mesh.heddle("events", "rebuild", "overviwe");
  expect(unknown.code).toBe(1);
  expect(unknown.stderr).toContain("Did you mean overview?");
  // Sources that do not run cannot be folded: it has begun, and is seen.
  const begun = await mesh.heddle("events", "rebuild", "overview", "--no-wait", "--json");
  expect(begun).toMatchObject({ code: 0, stdout: '{"view":"overview","generation":2,"done":false}\n' });
  const again = await mesh.heddle("events", "rebuild", "overview");
  expect(again.code).toBe(64 + 9);
  expect(again.stderr).toContain("REBUILD_RUNNING");
});

test("each event takes effect once, however often its subscriber is killed", { timeout: 120_000 }, async () => {
  const mesh = await startMesh([]);
  onTestFinished(() => mesh.stop());
  const env = {
    ...process.env,
    HEDDLE_PORT: new URL(mesh.url).port,
    HEDDLE_DATA: mesh.dataFolder,
    HEDDLE_LOG_LEVEL: "error",
  };
  const launch = async (name: string): Promise<ChildProcess> => {
    const child = spawn(process.execPath, ["--conditions=source", `bench/events/${name}.ts`], {
      env,
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    await once(child, "message");
    return child;
  };
  const ask = async (child: ChildProcess, question: string): Promise<unknown> => {
    child.send(question);
    return (await once(child, "message"))[0];
  };
  const end = async (child: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await once(child, "exit");
  };
  const source = await launch("source");
  onTestFinished(() => end(source, "SIGKILL"));
  await ask(source, `fill:${FILLED}`);
  const updates = 250;
  const published = ask(source, `trickle:${updates}`);
  let sink = await launch("sink");
  for (let kills = 0; kills < 6; kills++) {
    await systemTimers.sleep(40 * kills);
    await end(sink, "SIGKILL");
    sink = await launch("sink");
  }
  onTestFinished(() => end(sink, "SIGKILL"));
  await published;

  const transport = addressedTo(createGrpcTransport({ baseUrl: mesh.url }), "benchsink");
  const subscriptions = createClient(SubscriptionService, transport);
  const caughtUp = async (generation: number) => {
    const found = (await subscriptions.listSubscriptions({})).subscriptions;
    expect(found).toMatchObject([
      { view: "", appliedSequence: BigInt(FILLED + updates) },
      { view: "totals", generation, inForce: true, appliedSequence: BigInt(FILLED + updates) },
    ]);
  };
  await vi.waitFor(() => caughtUp(1), PATIENCE);
  // The handler publishes one event for each that it applies.
  const feed = createClient(EventFeedService, transport);
  expect((await feed.getFeedStatus({})).lastSequence).toBe(BigInt(updates));
  const folded = (await ask(sink, "content")) as { hash: string };
  // The view of which nothing was interrupted has the same rows.
  await subscriptions.rebuildView({ view: "totals" });
  await vi.waitFor(() => caughtUp(2), PATIENCE);
  expect(await ask(sink, "content")).toEqual({ ...folded, generation: 2 });
});
