import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { CustomerCreatedSchema } from "@heddle/contracts/customer/v1";
import { SubscriptionState } from "@heddle/contracts/heddle/events/v1";
import { expect, test } from "vitest";
import { systemRuntime } from "../runtime/index.ts";
import { fakeTime } from "../testing/index.ts";
import { eventually, recorded, startSink, startSource, temporaryFolder } from "./fixtures/event-mesh.ts";
import { on, type Subscription } from "./subscription.ts";

const silent = (signal: AbortSignal | undefined) =>
  new Promise<never>((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));

test.each([
  ["says nothing", silent],
  ["cannot be reached", () => Promise.reject(new ConnectError("away", Code.Unavailable))],
])("a feed that %s is an alarm within five seconds, and the log says when it is over", async (_, fails) => {
  const folder = temporaryFolder();
  const time = fakeTime();
  const runtime = { ...systemRuntime(), ...time };
  const source = await startSource(folder, runtime);
  let broken = true;
  const transport: Transport = {
    unary: (...call) => source.transport.unary(...call),
    stream: (...call) => (broken ? fails(call[1]) : source.transport.stream(...call)),
  };
  const sink = await startSink(folder, transport, { subscriptions: [recorded] }, { runtime });
  const stateOf = async () => (await sink.admin.listSubscriptions({})).subscriptions[0]?.state;
  await eventually(async () => expect(await stateOf()).toBe(SubscriptionState.RETRYING));
  for (let elapsedMs = 0; elapsedMs < 5_000; elapsedMs += 250) await time.advance(250);
  expect(await stateOf()).toBe(SubscriptionState.STALLED);
  expect(sink.log.find(({ level }) => level === "error")).toMatchObject({
    source: "source",
    lagMs: expect.any(Number),
  });

  broken = false;
  await source.publish(["a", "1"]);
  // A stream that was silent for long is begun anew.
  await eventually(async () => {
    await time.advance(1_000);
    expect(await stateOf()).toBe(SubscriptionState.CONNECTED);
    expect(await sink.effects()).toHaveLength(1);
  });
  expect(sink.log.some(({ msg }) => msg === "no longer stalled")).toBe(true);
});

test("a handler that awaits something else than its transaction holds up its own key, and no other", async () => {
  const folder = temporaryFolder();
  const source = await startSource(folder);
  const waits: Subscription = {
    from: "source",
    handlers: [
      on(CustomerCreatedSchema, async (tx, event) => {
        if (event.key === "bad") await new Promise((resolve) => setImmediate(resolve));
        await recorded.handlers[0]?.apply(tx, event, undefined);
      }),
    ],
  };
  await source.publish(["a", "1"], ["bad", "2"], ["b", "3"]);
  const sink = await startSink(folder, source.transport, { subscriptions: [waits] });
  await eventually(async () => expect((await sink.effects()).map(({ key }) => key)).toEqual(["a", "b"]));
  const { subscriptions } = await sink.admin.listSubscriptions({});
  expect(subscriptions[0]?.lastError).toContain("awaited something else than its transaction");
});
