import { create } from "@bufbuild/protobuf";
import { InstanceChangeKind, InstanceSchema, ServingState } from "@heddle/contracts/heddle/registry/v1";
import { expect, test } from "vitest";
import { createKnownInstances } from "./known-instances.ts";

const LOOM = "loom.v1.LoomService";
const instance = (instanceId: string, fields: { state?: ServingState; address?: string; locality?: string } = {}) =>
  create(InstanceSchema, {
    instanceId,
    serviceName: "loom",
    version: "1.0.0",
    address: `127.0.0.1:${4000 + instanceId.charCodeAt(0)}`,
    packages: [{ name: "loom.v1", services: [LOOM], contractHash: "h1" }],
    state: ServingState.SERVING,
    ...fields,
  });
const start = () => {
  const known = createKnownInstances();
  return { ...known, ids: () => known.endpoints(LOOM).map(({ instanceId }) => instanceId) };
};

test("a snapshot is all that there is, and only what takes calls is an endpoint", () => {
  const { snapshot, ids, endpoints } = start();
  snapshot([instance("b"), instance("a"), instance("c", { state: ServingState.DRAINING })], false);
  expect(ids()).toEqual(["a", "b"]);
  expect(endpoints(LOOM)[0]).toMatchObject({ serviceName: "loom", version: "1.0.0", contractHash: "h1" });
  expect(endpoints("mill.v1.MillService")).toEqual([]);
  snapshot([instance("b")], false);
  expect(ids()).toEqual(["b"]);
});

test("what a registry that has just started does not name stays until it has learned", () => {
  const { snapshot, ids } = start();
  snapshot([instance("a"), instance("b")], false);
  snapshot([instance("a")], true);
  expect(ids()).toEqual(["a", "b"]);
  snapshot([], true);
  expect(ids()).toEqual(["a", "b"]);
  snapshot([instance("a")], false);
  expect(ids()).toEqual(["a"]);
});

test("a registry that learns is believed in what it does say", () => {
  const { snapshot, change, ids } = start();
  snapshot([instance("a"), instance("b"), instance("c")], false);
  snapshot([instance("a", { state: ServingState.DRAINING }), instance("n", { address: "127.0.0.1:4098" })], true);
  // It has drained, and another listens where it was.
  expect(ids()).toEqual(["c", "n"]);
  change(InstanceChangeKind.REMOVED, instance("c"));
  expect(ids()).toEqual(["n"]);
});

test("each change is applied, and names the services that it concerns", () => {
  const { change, ids } = start();
  expect([...change(InstanceChangeKind.ADDED, instance("a"))]).toEqual([LOOM]);
  expect(ids()).toEqual(["a"]);
  expect([...change(InstanceChangeKind.UPDATED, instance("a"))]).toEqual([]);
  expect([...change(InstanceChangeKind.UPDATED, instance("a", { state: ServingState.NOT_SERVING }))]).toEqual([LOOM]);
  expect(ids()).toEqual([]);
  change(InstanceChangeKind.UPDATED, instance("a"));
  expect(ids()).toEqual(["a"]);
  change(InstanceChangeKind.REMOVED, instance("a"));
  expect(ids()).toEqual([]);
});

test("a snapshot that says nothing new concerns nobody", () => {
  const { snapshot } = start();
  snapshot([instance("a"), instance("b")], false);
  expect([...snapshot([instance("b"), instance("a")], false)]).toEqual([]);
  expect([...snapshot([instance("b")], false)]).toEqual([LOOM]);
});

test("what is recalled is what was listed", () => {
  const { snapshot, list, endpoints } = start();
  snapshot([instance("a"), instance("b", { locality: "east" })], false);
  const other = createKnownInstances();
  expect([...other.recall(JSON.parse(JSON.stringify(list())))]).toEqual([LOOM]);
  expect(other.endpoints(LOOM)).toEqual(endpoints(LOOM));
});
