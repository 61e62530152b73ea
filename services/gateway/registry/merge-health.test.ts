import { Health } from "@heddle/contracts/grpc/health/v1";
import { ServingState } from "@heddle/contracts/heddle/registry/v1";
import { ServingStatus } from "@heddle/mesh/service";
import { expect, test } from "vitest";
import { contractOf, instanceOf } from "../fixtures/contract.ts";
import { createContracts } from "./contracts.ts";
import { createInstances } from "./instances.ts";
import { mergeHealth } from "./merge-health.ts";

const loom = contractOf("loom.v1", { LoomService: ["Weave"] });

const start = () => {
  const instances = createInstances();
  const contracts = createContracts();
  contracts.add(loom.contract);
  return { instances, contracts, health: mergeHealth({ instances, contracts, own: [Health] }) };
};

test("the gateway and its own services serve, whoever runs", () => {
  const { health } = start();
  for (const name of ["", "grpc.health.v1.Health"]) expect(health.status(name)).toBe(ServingStatus.SERVING);
  expect(health.services()).toEqual(["grpc.health.v1.Health"]);
});

test("a service serves while an instance of it does, and is unknown before its first", () => {
  const { health, instances, contracts } = start();
  const name = "loom.v1.LoomService";
  expect(health.status(name)).toBeUndefined();
  contracts.admit([loom.offer]);
  const leave = instances.enter(instanceOf("a", loom));
  expect(health.status(name)).toBe(ServingStatus.SERVING);
  expect(health.services()).toEqual(["grpc.health.v1.Health", name]);
  instances.setState("a", ServingState.NOT_SERVING);
  expect(health.status(name)).toBe(ServingStatus.NOT_SERVING);
  instances.enter(instanceOf("b", loom));
  expect(health.status(name)).toBe(ServingStatus.SERVING);
  instances.setState("b", ServingState.DRAINING);
  leave();
  expect(health.status(name)).toBe(ServingStatus.NOT_SERVING);
});

test("a watcher hears of every change, until it stops", () => {
  const { health, instances } = start();
  let heard = 0;
  const stop = health.watch(() => heard++);
  instances.enter(instanceOf("a", loom));
  instances.setState("a", ServingState.DRAINING);
  stop();
  instances.setState("a", ServingState.SERVING);
  expect(heard).toBe(2);
});
