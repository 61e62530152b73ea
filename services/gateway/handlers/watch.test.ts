import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { InstanceChangeKind, ServingState, WatchRequestSchema } from "@heddle/contracts/heddle/registry/v1";
import { fakeTime } from "@heddle/mesh/testing";
import { expect, test } from "vitest";
import { contractOf, instanceOf } from "../fixtures/contract.ts";
import { createInstances } from "../registry/instances.ts";
import { createLearning, LEARNING_MS } from "../registry/learning.ts";
import { watch } from "./watch.ts";

const loom = contractOf("loom.v1", { LoomService: ["Weave"] });
const mill = contractOf("mill.v1", { MillService: ["Grind"] });

const start = (services: string[] = []) => {
  const time = fakeTime();
  const learning = createLearning(time.timers);
  const instances = createInstances();
  let watchers = 0;
  const counted = {
    ...instances,
    watch(changed: Parameters<typeof instances.watch>[0]) {
      watchers++;
      const stop = instances.watch(changed);
      return () => {
        watchers--;
        stop();
      };
    },
  };
  const stop = new AbortController();
  const request = create(WatchRequestSchema, { services });
  const context = { signal: stop.signal } as HandlerContext;
  const answers = watch({ instances: counted, learning })(request, context)[Symbol.asyncIterator]();
  /** The next message, in short. */
  const next = async () => {
    const { value, done } = await answers.next();
    if (done) return undefined;
    const ids =
      value.body?.case === "snapshot"
        ? value.body.value.instances?.map(({ instanceId }) => instanceId)
        : [InstanceChangeKind[value.body?.value?.kind ?? 0], value.body?.value?.instance?.instanceId];
    return { kind: value.body?.case, ids, sequence: value.sequence, body: value.body };
  };
  return { instances, answers, next, stop, time, watchers: () => watchers };
};

test("a watch begins with what runs, and goes on with each change", async () => {
  const { instances, next } = start();
  instances.enter(instanceOf("a", loom));
  expect(await next()).toMatchObject({ kind: "snapshot", ids: ["a"], sequence: 1n });
  const change = next();
  const leave = instances.enter(instanceOf("b", loom));
  expect(await change).toMatchObject({ kind: "change", ids: ["ADDED", "b"], sequence: 2n });
  instances.setState("a", ServingState.DRAINING);
  leave();
  expect(await next()).toMatchObject({ ids: ["UPDATED", "a"], sequence: 3n });
  expect(await next()).toMatchObject({ ids: ["REMOVED", "b"], sequence: 4n });
});

test("no change falls between the snapshot and the first change", async () => {
  const { instances, next } = start();
  const first = next();
  instances.enter(instanceOf("a", loom));
  const snapshot = await first;
  const seen = snapshot?.ids?.includes("a") ? snapshot.ids : (await next())?.ids;
  expect(seen).toContain("a");
});

test("a watch of a gateway that has just started says so, and begins anew when that is over", async () => {
  const { instances, next, time } = start();
  instances.enter(instanceOf("a", loom));
  expect((await next())?.body?.value).toMatchObject({ learning: true });
  const second = next();
  await time.advance(LEARNING_MS);
  expect(await second).toMatchObject({ kind: "snapshot", ids: ["a"], body: { value: { learning: false } } });
});

test("only instances of the services that are asked for are told of", async () => {
  const { instances, next } = start(["mill.v1.MillService"]);
  instances.enter(instanceOf("a", loom));
  instances.enter(instanceOf("m", mill));
  expect(await next()).toMatchObject({ ids: ["m"] });
  instances.setState("a", ServingState.DRAINING);
  instances.setState("m", ServingState.DRAINING);
  expect(await next()).toMatchObject({ ids: ["UPDATED", "m"] });
});

test("a watcher that reads slowly hears each change as it was", async () => {
  const { instances, next } = start();
  await next();
  instances.enter(instanceOf("a", loom));
  instances.setState("a", ServingState.DRAINING);
  instances.setState("a", ServingState.NOT_SERVING);
  const states = [];
  for (let i = 0; i < 3; i++) {
    const { body } = (await next()) ?? {};
    if (body?.case === "change") states.push(body.value.instance?.state);
  }
  expect(states).toEqual([ServingState.SERVING, ServingState.DRAINING, ServingState.NOT_SERVING]);
});

test("a watcher that falls too far behind gets a snapshot instead of what it missed", async () => {
  const { instances, next } = start();
  await next();
  instances.enter(instanceOf("a", loom));
  for (let i = 0; i < 2_000; i++) {
    instances.setState("a", i % 2 === 0 ? ServingState.DRAINING : ServingState.SERVING);
  }
  expect(await next()).toMatchObject({ kind: "snapshot", ids: ["a"], sequence: 2_001n });
  instances.setState("a", ServingState.DRAINING);
  expect(await next()).toMatchObject({ kind: "change", sequence: 2_002n });
});

test("a watch that ends is told no more", async () => {
  const { answers, next, stop, watchers, instances } = start();
  await next();
  expect(watchers()).toBe(1);
  await answers.return?.();
  expect(watchers()).toBe(0);

  const other = start();
  await other.next();
  const pending = other.answers.next();
  other.stop.abort(new Error("gone"));
  await expect(pending).rejects.toThrow("gone");
  expect(other.watchers()).toBe(0);
  stop.abort();
  instances.enter(instanceOf("z", loom));
});
