import { InstanceChangeKind, ServingState } from "@heddle/contracts/heddle/registry/v1";
import { expectFailure } from "@heddle/mesh/testing";
import { describe, expect, test } from "vitest";
import { contractOf, instanceOf } from "../fixtures/contract.ts";
import { type Change, createInstances } from "./instances.ts";

const loom = contractOf("loom.v1", { LoomService: ["Weave"] });
const mill = contractOf("mill.v1", { MillService: ["Grind"] });
const LOOM = "loom.v1.LoomService";

const serving = (instances: ReturnType<typeof createInstances>) =>
  instances.serving(LOOM).map(({ instanceId }) => instanceId);

test("those that serve a service are told by its name", () => {
  const instances = createInstances();
  const [leaveA] = ["a", "b", "c"].map((id) => instances.enter(instanceOf(id, loom)));
  instances.enter(instanceOf("other", mill));
  expect(serving(instances)).toEqual(["a", "b", "c"]);
  leaveA?.();
  leaveA?.();
  expect(serving(instances)).toEqual(["b", "c"]);
});

test("one that takes no calls does not serve until it does", () => {
  const instances = createInstances();
  for (const id of ["a", "b"]) instances.enter(instanceOf(id, loom));
  for (const state of [ServingState.STARTING, ServingState.DRAINING, ServingState.NOT_SERVING]) {
    instances.setState("a", state);
    expect(serving(instances)).toEqual(["b"]);
  }
  expect(instances.serves(LOOM)).toBe(true);
  instances.setState("b", ServingState.DRAINING);
  expect(instances.serves(LOOM)).toBe(false);
  expect(instances.absence(LOOM)).toContain("draining");
  instances.setState("a", ServingState.SERVING);
  expect(serving(instances)).toEqual(["a"]);
});

test("the absence of a service is explained once it was there", () => {
  const instances = createInstances();
  expect(instances.absence(LOOM)).toBeUndefined();
  const leave = instances.enter(instanceOf("a", loom));
  leave();
  expect(instances.absence(LOOM)).toBe("its last instance, a at 127.0.0.1:4000, left");
  instances.enter(instanceOf("b", loom));
  expect(instances.absence(LOOM)).not.toContain("left");
});

test("an instance id is entered once at a time", async () => {
  const instances = createInstances();
  const leave = instances.enter(instanceOf("a", loom));
  expect(await expectFailure((async () => instances.enter(instanceOf("a", mill)))())).toMatchObject({
    code: "AlreadyExists",
    reason: "INSTANCE_ENTERED",
  });
  expect(instances.list()).toHaveLength(1);
  leave();
  instances.enter(instanceOf("a", mill));
});

test("a late leave does not take out another instance that has the id by now", () => {
  const instances = createInstances();
  const leaveFirst = instances.enter(instanceOf("a", loom));
  leaveFirst();
  instances.enter(instanceOf("a", loom));
  leaveFirst();
  expect(serving(instances)).toEqual(["a"]);
});

test("the list is sorted by service, then by id", () => {
  const instances = createInstances();
  for (const [service, id] of [
    ["mill", "b"],
    ["loom", "z"],
    ["mill", "a"],
    ["loom", "y"],
  ] as const) {
    instances.enter({ ...instanceOf(id, loom), serviceName: service });
  }
  expect(instances.list().map(({ serviceName, instanceId }) => `${serviceName}/${instanceId}`)).toEqual([
    "loom/y",
    "loom/z",
    "mill/a",
    "mill/b",
  ]);
});

describe("watchers", () => {
  test("hear every change once, numbered, with the instance as it was then", () => {
    const instances = createInstances();
    const heard: Change[] = [];
    const stop = instances.watch((change) => heard.push(change));
    const leave = instances.enter(instanceOf("a", loom));
    instances.setState("a", ServingState.DRAINING);
    instances.setState("a", ServingState.DRAINING);
    instances.setState("nobody", ServingState.DRAINING);
    leave();
    leave();
    stop();
    instances.enter(instanceOf("b", loom));
    expect(heard.map(({ kind, instance, sequence }) => [kind, instance.state, sequence])).toEqual([
      [InstanceChangeKind.ADDED, ServingState.SERVING, 1n],
      [InstanceChangeKind.UPDATED, ServingState.DRAINING, 2n],
      [InstanceChangeKind.REMOVED, ServingState.DRAINING, 3n],
    ]);
    expect([instances.sequence(), instances.changes()]).toEqual([4n, 4]);
  });
});

describe("an instance that was here before the gateway restarted", () => {
  const remembered = (instanceId: string, address: string) => ({ ...instanceOf(instanceId, loom), address });

  test("takes calls, and is told of once when it comes back", () => {
    const instances = createInstances();
    const kinds: string[] = [];
    instances.watch(({ kind }) => kinds.push(InstanceChangeKind[kind]));
    const forget = instances.remember(remembered("a", "127.0.0.1:4001"));
    expect(instances.serves("loom.v1.LoomService")).toBe(true);
    const leave = instances.enter(remembered("a", "127.0.0.1:4001"));
    expect(instances.list()).toHaveLength(1);
    // It is no longer what was remembered.
    forget();
    expect(instances.serves("loom.v1.LoomService")).toBe(true);
    leave();
    expect(instances.serves("loom.v1.LoomService")).toBe(false);
    expect(kinds).toEqual(["ADDED", "UPDATED", "REMOVED"]);
  });

  test("is forgotten when another has its address, and when it does not come in time", () => {
    const instances = createInstances();
    const ids = () => instances.list().map(({ instanceId }) => instanceId);
    instances.remember(remembered("a", "127.0.0.1:4001"));
    const forget = instances.remember(remembered("b", "127.0.0.1:4002"));
    instances.enter(remembered("c", "127.0.0.1:4001"));
    expect(ids()).toEqual(["b", "c"]);
    forget();
    expect(ids()).toEqual(["c"]);
  });

  test("is replaced by one that has its id and serves something else", () => {
    const instances = createInstances();
    instances.remember(remembered("a", "127.0.0.1:4001"));
    instances.enter({ ...instanceOf("a", mill), address: "127.0.0.1:4003" });
    expect(instances.serves("loom.v1.LoomService")).toBe(false);
    expect(instances.serves("mill.v1.MillService")).toBe(true);
    expect(() => instances.enter(remembered("a", "127.0.0.1:4001"))).toThrow("a");
  });
});
