import { ServingState } from "@heddle/contracts/heddle/registry/v1";
import type { Candidate } from "@heddle/mesh/discovery";
import { systemRuntime } from "@heddle/mesh/runtime";
import { fakeClock } from "@heddle/mesh/testing";
import { expect, test } from "vitest";
import { contractOf, instanceOf } from "../fixtures/contract.ts";
import { createBalancing, type PickInstance } from "./balancing.ts";
import { createInstances } from "./instances.ts";

const loom = contractOf("loom.v1", { LoomService: ["Weave"], RestService: ["Rest"] });
const LOOM = "loom.v1.LoomService";

const start = ({ locality = "" } = {}) => {
  const instances = createInstances();
  const clock = fakeClock();
  const changes: string[] = [];
  const balancing = createBalancing({
    instances,
    runtime: { clock, random: systemRuntime().random },
    locality,
    changed: ({ endpoint, state }) => changes.push(`${endpoint.instanceId} ${state}`),
  });
  const enter = (id: string, more: { serviceName?: string; version?: string; locality?: string } = {}) =>
    instances.enter({ ...instanceOf(id, loom), address: `${id}:1`, ...more });
  return { instances, clock, balancing, enter, changes };
};

/** Those that are picked, when nothing becomes of the calls. */
const picked = (pick: PickInstance, ...how: Parameters<PickInstance>) =>
  [...new Set(Array.from({ length: 100 }, () => pick(...how)?.endpoint.instanceId))].sort();

const failAt = (pick: PickInstance, id: string) => {
  const others = ["a", "b", "c"].filter((other) => other !== id).map((other) => `${other}:1`);
  for (let count = 0; count < 5; count++) {
    const candidate = pick(others) as Candidate;
    candidate.begin();
    candidate.end("failed");
  }
};

test("a picker sees every change at once, and asks what is fit after one only", () => {
  const { instances, balancing, enter } = start();
  const asked: string[] = [];
  const pick = balancing.picker(LOOM, ({ instanceId }) => {
    asked.push(instanceId);
    return instanceId !== "c";
  });
  expect(picked(pick)).toEqual([undefined]);
  const [leaveA] = ["a", "b", "c"].map((id) => enter(id));
  expect(picked(pick)).toEqual(["a", "b"]);
  expect(asked).toEqual(["a", "b", "c"]);
  instances.setState("b", ServingState.DRAINING);
  expect(picked(pick)).toEqual(["a"]);
  leaveA?.();
  expect(picked(pick)).toEqual([undefined]);
  instances.setState("b", ServingState.SERVING);
  expect(picked(pick)).toEqual(["b"]);
});

test("what is learned of an instance by one method holds for the others, and while it was away for a moment", () => {
  const { instances, balancing, enter, changes } = start();
  for (const id of ["a", "b", "c"]) enter(id);
  const weave = balancing.picker(LOOM, () => true);
  const rest = balancing.picker("loom.v1.RestService", () => true);
  failAt(weave, "b");
  expect(changes).toEqual(["b ejected"]);
  expect(picked(rest)).toEqual(["a", "c"]);
  instances.setState("b", ServingState.DRAINING);
  instances.setState("b", ServingState.SERVING);
  expect(picked(rest)).toEqual(["a", "c"]);
  expect(balancing.describe().map(({ endpoint, state }) => `${endpoint.instanceId} ${state}`)).toContain("b ejected");
});

test("an instance that has left is forgotten, and its service with the last", () => {
  const { balancing, enter } = start();
  const leave = enter("a");
  const pick = balancing.picker(LOOM, () => true);
  expect(picked(pick)).toEqual(["a"]);
  expect(balancing.describe()).toHaveLength(1);
  leave();
  expect(picked(pick)).toEqual([undefined]);
  expect(balancing.describe()).toEqual([]);
});

test("services of different names are no replicas of each other", () => {
  const { balancing, enter } = start();
  enter("a");
  enter("b", { serviceName: "mill" });
  enter("c", { serviceName: "mill" });
  expect(picked(balancing.picker(LOOM, () => true))).toEqual([undefined]);
  expect(picked(balancing.picker(LOOM, () => true, "mill"))).toEqual(["b", "c"]);
  expect(picked(balancing.picker(LOOM, () => true, "quilt"))).toEqual([undefined]);
});

test("calls may be for one version, and avoid addresses", () => {
  const { balancing, enter } = start();
  enter("a", { version: "1.0.0" });
  enter("b", { version: "2.0.0" });
  enter("c", { version: "2.0.0" });
  const pick = balancing.picker(LOOM, () => true);
  expect(picked(pick, undefined, "2.0.0")).toEqual(["b", "c"]);
  expect(picked(pick, ["b:1"], "2.0.0")).toEqual(["c"]);
  expect(picked(pick, ["b:1"])).toEqual(["a", "c"]);
  expect(picked(pick, undefined, "3.0.0")).toEqual([undefined]);
  enter("d", { version: "3.0.0" });
  expect(picked(pick, undefined, "3.0.0")).toEqual(["d"]);
});

test("calls stay where the gateway runs, as long as there is somebody", () => {
  const { balancing, enter } = start({ locality: "cellar" });
  enter("a", { locality: "attic" });
  const leave = enter("b", { locality: "cellar" });
  const pick = balancing.picker(LOOM, () => true);
  expect(picked(pick)).toEqual(["b"]);
  leave();
  expect(picked(pick)).toEqual(["a"]);
});
