import { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { descriptorsOf } from "@heddle/mesh/service";
import { expectFailure } from "@heddle/mesh/testing";
import { describe, expect, test } from "vitest";
import { contractOf, type TestContract } from "../fixtures/contract.ts";
import { createContracts, mergeDescriptors } from "./contracts.ts";

const one = contractOf("loom.v1", { LoomService: ["Weave"] });
const two = contractOf("loom.v1", { LoomService: ["Weave", "Rest"] });
const mill = contractOf("mill.v1", { MillService: ["Grind"] });

const failureOf = (work: () => unknown) => expectFailure((async () => work())());

/** What an instance with these contracts does when it registers. */
const bring = (contracts: ReturnType<typeof createContracts>, ...brought: TestContract[]) => {
  for (const { contract } of brought) contracts.add(contract);
  return contracts.admit(brought.map(({ offer }) => offer));
};

const fileNames = (contracts: ReturnType<typeof createContracts>) =>
  [...contracts.files()].map(({ proto }) => proto.name).toSorted();

test("a contract is asked for once, and known from then on", () => {
  const contracts = createContracts();
  const offers = [one.offer, one.offer, mill.offer];
  expect(contracts.missing(offers)).toEqual([one.contract.contractHash, mill.contract.contractHash]);
  contracts.add(one.contract);
  expect(contracts.missing(offers)).toEqual([mill.contract.contractHash]);
  expect(contracts.byHash(one.contract.contractHash)).toBe(one.contract);
  expect(contracts.byPackage("loom.v1")).toBeUndefined();
});

test("an admitted contract makes its methods, services and files known", () => {
  const contracts = createContracts();
  const before = contracts.version();
  bring(contracts, two, mill);
  expect([...contracts.paths()].toSorted()).toEqual([
    "/loom.v1.LoomService/Rest",
    "/loom.v1.LoomService/Weave",
    "/mill.v1.MillService/Grind",
  ]);
  expect(contracts.method("/loom.v1.LoomService/Rest")?.name).toBe("Rest");
  expect(contracts.services()).toEqual(["loom.v1.LoomService", "mill.v1.MillService"]);
  expect(contracts.byPackage("loom.v1")).toBe(two.contract);
  expect(fileNames(contracts)).toEqual(["loom/v1/service.proto", "mill/v1/service.proto"]);
  expect(contracts.version()).toBeGreaterThan(before);
});

describe("a contract is refused", () => {
  test("when it does not have the hash it claims", async () => {
    const contracts = createContracts();
    const lie = { ...one.contract, contractHash: "0".repeat(64) };
    expect(await failureOf(() => contracts.add(lie))).toMatchObject({
      code: "InvalidArgument",
      reason: "CONTRACT_HASH_MISMATCH",
    });
    expect(contracts.byHash(lie.contractHash)).toBeUndefined();
  });

  test("when it is no descriptor set", async () => {
    const garbage = { ...one.contract, fileDescriptorSet: new Uint8Array([255, 255]) };
    expect(await failureOf(() => createContracts().add(garbage))).toMatchObject({ reason: "CONTRACT_INVALID" });
  });

  test("when it lacks a service that it offers, or has it in another package", async () => {
    const contracts = createContracts();
    contracts.add(one.contract);
    const lies = [
      { ...one.offer, services: ["loom.v1.LoomService", "loom.v1.OtherService"] },
      { ...one.offer, name: "mill.v1" },
      { ...one.offer, services: ["mill.v1.MillService"] },
      { ...one.offer, contractHash: "0".repeat(64) },
    ];
    for (const lie of lies) {
      expect(await failureOf(() => contracts.check([lie]))).toMatchObject({ reason: "CONTRACT_INCOMPLETE" });
    }
    expect([...contracts.paths()]).toEqual([]);
  });

  test("when its package is offered twice", async () => {
    const contracts = createContracts();
    for (const { contract } of [one, two]) contracts.add(contract);
    expect(await failureOf(() => contracts.check([one.offer, two.offer]))).toMatchObject({
      code: "InvalidArgument",
      reason: "PACKAGE_REPEATED",
      metadata: { packageName: "loom.v1" },
    });
  });

  test("when it does not say who may call a method, unless that is of a standard service of gRPC", async () => {
    const contracts = createContracts();
    const silent = contractOf("loom.v1", { LoomService: ["Weave", "Rest"] }, { access: null });
    contracts.add(silent.contract);
    expect(await failureOf(() => contracts.check([silent.offer]))).toMatchObject({
      code: "InvalidArgument",
      reason: "ACCESS_UNDECLARED",
      metadata: { service: "loom.v1.LoomService", methods: "Weave, Rest" },
    });
    const health = contractOf("grpc.health.v2", { Health: ["Check"] }, { access: null });
    contracts.add(health.contract);
    contracts.check([health.offer]);
  });
});

describe("while instances with different contracts of one package run", () => {
  test("every method of each is known, in whatever order they came", () => {
    for (const order of [
      [one, two],
      [two, one],
    ] as const) {
      const contracts = createContracts();
      for (const contract of order) bring(contracts, contract);
      expect(contracts.method("/loom.v1.LoomService/Rest")).toBeDefined();
      expect(contracts.method("/loom.v1.LoomService/Weave")).toBeDefined();
      expect(contracts.byPackage("loom.v1")).toBe(order[1].contract);
      expect(contracts.has(one.contract.contractHash, "/loom.v1.LoomService/Rest")).toBe(false);
      expect(contracts.has(two.contract.contractHash, "/loom.v1.LoomService/Rest")).toBe(true);
    }
  });

  test("a method that callers see stays known when nobody has it any more", () => {
    const contracts = createContracts();
    bring(contracts, one);
    const leaves = [bring(contracts, two), bring(contracts, two)];
    leaves[0]?.();
    expect(contracts.method("/loom.v1.LoomService/Rest")).toBeDefined();
    leaves[1]?.();
    expect(contracts.method("/loom.v1.LoomService/Rest")).toBeDefined();
    expect(contracts.byPackage("loom.v1")).toBe(two.contract);
  });

  test("one that callers do not see makes its methods known while it runs", () => {
    const contracts = createContracts();
    bring(contracts, one);
    contracts.add(two.contract);
    const seen = { packageName: "loom.v1", hash: one.offer.contractHash, bytes: new Uint8Array(), sequence: 1 };
    const leave = contracts.admit([two.offer], [seen]);
    expect(contracts.method("/loom.v1.LoomService/Rest")).toBeDefined();
    expect(contracts.byPackage("loom.v1")).toBe(one.contract);
    leave();
    expect(contracts.method("/loom.v1.LoomService/Rest")).toBeUndefined();
  });

  test("of two that came into force one after the other, the later is seen, in whatever order it is told", () => {
    const contracts = createContracts();
    const seen = ({ contract }: TestContract, sequence: number) => ({
      packageName: "loom.v1",
      hash: contract.contractHash,
      bytes: contract.fileDescriptorSet,
      sequence,
    });
    contracts.admit([], [seen(two, 2)]);
    contracts.admit([], [seen(one, 1)]);
    expect(contracts.byPackage("loom.v1")).toEqual(two.contract);
  });

  test("one that comes and goes takes nothing from the others", () => {
    const contracts = createContracts();
    bring(contracts, two);
    const versions = new Set<number>();
    for (let i = 0; i < 50; i++) {
      const leave = bring(contracts, one);
      expect(contracts.method("/loom.v1.LoomService/Rest")).toBeDefined();
      leave();
      expect(contracts.method("/loom.v1.LoomService/Rest")).toBeDefined();
      versions.add(contracts.version());
    }
    expect(versions.size).toBe(50);
  });
});

test("what callers see stays known when nobody offers it, and goes when something else comes into force", () => {
  const contracts = createContracts();
  bring(contracts, two)();
  expect(contracts.method("/loom.v1.LoomService/Rest")).toBeDefined();
  expect(contracts.byPackage("loom.v1")).toBe(two.contract);
  bring(contracts, one);
  expect(contracts.method("/loom.v1.LoomService/Rest")).toBeUndefined();
});

test("a service of a contract that nobody offers is none that the mesh waits for", () => {
  const contracts = createContracts();
  const both = contractOf("loom.v1", { LoomService: ["Weave"], SpoolService: ["Wind"] });
  contracts.add(both.contract);
  const leave = contracts.admit([{ ...both.offer, services: ["loom.v1.LoomService"] }]);
  expect(contracts.services()).toEqual(["loom.v1.LoomService"]);
  expect(contracts.method("/loom.v1.SpoolService/Wind")).toBeDefined();
  leave();
  contracts.admit([both.offer]);
  expect(contracts.services()).toEqual(["loom.v1.LoomService", "loom.v1.SpoolService"]);
});

test("a package that brings a file of another does not decide what that says", () => {
  const contracts = createContracts();
  const poison = contractOf(
    "evil.v1",
    { EvilService: ["Do"] },
    { more: [{ name: "loom/v1/service.proto", package: "loom.v1", message: "Poison" }] },
  );
  bring(contracts, one);
  bring(contracts, poison);
  const file = [...contracts.files()].find(({ proto }) => proto.name === "loom/v1/service.proto");
  expect(file?.messages.map(({ name }) => name)).toEqual(["Thread"]);
});

test("a contract that says more of a foreign package than its offer makes nothing of that known", () => {
  const contracts = createContracts();
  bring(contracts, one);
  const before = [...contracts.paths()];
  const claims = contractOf("registry.v1", { RegistryService: ["Register"] });
  contracts.add(claims.contract);
  expect([...contracts.paths()]).toEqual(before);
});

test("contracts that nobody offers any more make room, the oldest first, and those in use stay", () => {
  const contracts = createContracts();
  bring(contracts, two);
  let first: TestContract | undefined;
  for (let i = 0; i < 1_100; i++) {
    const next = contractOf(`p${i}.v1`, { S: ["M"] });
    first ??= next;
    bring(contracts, next)();
  }
  expect(contracts.byHash(first?.contract.contractHash ?? "")).toBeUndefined();
  expect(contracts.method("/p0.v1.S/M")).toBeUndefined();
  expect(contracts.method("/p1099.v1.S/M")).toBeDefined();
  expect(contracts.method("/loom.v1.LoomService/Rest")).toBeDefined();
  expect([...contracts.paths()].length).toBeLessThanOrEqual(1_002);
});

test("contracts in use beyond the bound are refused, and nothing that runs is lost", async () => {
  const contracts = createContracts();
  const leaves = Array.from({ length: 1_000 }, (_, i) => bring(contracts, contractOf(`p${i}.v1`, { S: ["M"] })));
  expect(await failureOf(() => contracts.add(one.contract))).toMatchObject({
    code: "ResourceExhausted",
    reason: "CONTRACTS_FULL",
  });
  expect(contracts.method("/p0.v1.S/M")).toBeDefined();
  leaves[0]?.();
  bring(contracts, one);
  expect(contracts.method("/loom.v1.LoomService/Weave")).toBeDefined();
});

test("the gateway's own files and services stand beside those that were brought, and above them", () => {
  const contracts = createContracts();
  const fake = contractOf(
    "evil.v1",
    { EvilService: ["Do"] },
    { more: [{ name: "heddle/registry/v1/instance.proto", package: "heddle.registry.v1", message: "Poison" }] },
  );
  bring(contracts, fake);
  const merged = mergeDescriptors(descriptorsOf([RegistryService]), contracts);
  expect(merged.services()).toEqual(["heddle.registry.v1.RegistryService", "evil.v1.EvilService"]);
  const last = new Map([...merged.files()].map((file) => [file.proto.name, file]));
  expect(last.get("heddle/registry/v1/instance.proto")?.messages.map(({ name }) => name)).toContain("Instance");
  expect(last.has("evil/v1/service.proto")).toBe(true);
});
