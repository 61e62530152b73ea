import { AdmissionOutcome } from "@heddle/contracts/heddle/contract/v1";
import { systemRuntime } from "@heddle/mesh/runtime";
import { openTestStore } from "@heddle/mesh/store";
import { fakeClock } from "@heddle/mesh/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { contractOf, instanceOf, type TestContract } from "../fixtures/contract.ts";
import { createContracts } from "../registry/contracts.ts";
import { admissionStore } from "../store/admission-store.ts";
import { contractStore } from "../store/contract-store.ts";
import { overrideStore } from "../store/override-store.ts";
import { createAdmission } from "./admission.ts";

const FROM_THE_LATEST = 2n ** 62n;

const v1 = contractOf("loom.v1", { LoomService: ["Weave"] }, { fields: ["colour", "length"] });
/** Adds a method. */
const v2 = contractOf("loom.v1", { LoomService: ["Weave", "Rest"] }, { fields: ["colour", "length"] });
/** Lacks a field of both. */
const broken = contractOf("loom.v1", { LoomService: ["Weave", "Rest"] }, { fields: ["colour"] });
const mill = contractOf("mill.v1", { MillService: ["Grind"] });

const start = async () => {
  const clock = fakeClock();
  const store = await openTestStore(new URL("../migrations/", import.meta.url), { ...systemRuntime(), clock });
  onTestFinished(() => store.close());
  const stores = { store, kept: contractStore(), admissions: admissionStore(), overrides: overrideStore() };
  /** A gateway that was just started on the store. */
  const restart = () => {
    const contracts = createContracts();
    const admission = createAdmission({ ...stores, contracts, clock });
    const bring = async (...brought: TestContract[]) => {
      for (const { contract } of brought) contracts.add(contract);
      const instance = instanceOf("a", ...brought);
      const decided = await admission.decide(instance);
      if (decided.admitted) contracts.admit(instance.packages, decided.inForce);
      return decided;
    };
    const inForce = (name = "loom.v1") => contracts.byPackage(name)?.contractHash;
    return { contracts, admission, bring, inForce };
  };
  const history = async (name = "loom.v1") => {
    const list = { package: name, outcomes: [], beforeId: FROM_THE_LATEST, limit: 2_000 };
    const rows = await store.read((reader) => stores.admissions.list(reader, list));
    return rows.map(({ outcome, count }) => `${AdmissionOutcome[outcome]} ${count}`).toReversed();
  };
  const allow = (packageName: string, contractHash: string, lifetimeMs = 60_000, id = "ovr_1") =>
    store.write((tx) =>
      stores.overrides.insert(
        tx,
        {
          id,
          package: packageName,
          contractHash,
          reason: "test",
          expireTimeMs: clock.nowMs() + lifetimeMs,
          creator: "local",
        },
        clock.nowMs(),
      ),
    );
  return { ...restart(), restart, history, allow, clock, ...stores };
};

test("the first contract of a package is admitted, a compatible one becomes the one in force, an equal one changes nothing", async () => {
  const { bring, inForce, history } = await start();
  await bring(v1);
  expect(inForce()).toBe(v1.offer.contractHash);
  await bring(v2);
  await bring(v2);
  expect(inForce()).toBe(v2.offer.contractHash);
  expect(await history()).toEqual(["FIRST 1", "COMPATIBLE 1", "EQUAL 1"]);
});

test("a contract that would break callers is refused, with what breaks, and what to do", async () => {
  const { bring, inForce, admission } = await start();
  await bring(v2);
  const decided = await bring(broken);
  expect(decided).toMatchObject({
    admitted: false,
    refused: [{ packageName: "loom.v1", contractHash: broken.offer.contractHash }],
    violations: expect.arrayContaining([
      expect.objectContaining({
        rule: "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED",
        element: "loom.v1.Thread.length",
        package: "loom.v1",
        file: "loom/v1/service.proto",
        before: expect.stringContaining("length"),
      }),
    ]),
    nextSteps: [
      "undo the change, or release loom.v2 beside loom.v1",
      `an operator lets it in: heddle contracts allow loom.v1 --hash ${broken.offer.contractHash.slice(0, 12)} --reason "…"`,
    ],
    isNews: true,
  });
  expect(inForce()).toBe(v2.offer.contractHash);
  expect(admission.isPending("loom.v1", broken.offer.contractHash, "loom")).toBe(true);
});

test("a refusal that is repeated is counted, is no news, and stops being pending when it is not repeated", async () => {
  const { bring, history, admission, clock } = await start();
  await bring(v2);
  await bring(broken);
  expect(await bring(broken)).toMatchObject({ isNews: false });
  expect(await history()).toEqual(["FIRST 1", "REFUSED 2"]);
  clock.advance(30_000);
  expect(admission.isPending("loom.v1", broken.offer.contractHash, "loom")).toBe(false);
});

test("a method that is gone is refused, a service that is gone from a file that is there as well", async () => {
  const { bring } = await start();
  const both = contractOf("loom.v1", { LoomService: ["Weave", "Rest"], SpoolService: ["Wind"] });
  await bring(both);
  const rules = async (contract: TestContract) => {
    const decided = await bring(contract);
    return decided.admitted ? [] : decided.violations.map(({ rule, element }) => `${rule} ${element}`);
  };
  expect(await rules(contractOf("loom.v1", { LoomService: ["Weave"], SpoolService: ["Wind"] }))).toEqual([
    expect.stringMatching(/^RPC_NO_DELETE loom\.v1\.LoomService/),
  ]);
  expect(await rules(contractOf("loom.v1", { LoomService: ["Weave", "Rest"] }))).toEqual([
    "SERVICE_NO_DELETE loom.v1.SpoolService",
  ]);
});

describe("while a release is rolled out instance by instance", () => {
  test("instances of the one before come and go, and callers see the newest", async () => {
    const { bring, inForce, history } = await start();
    await bring(v1);
    await bring(v2);
    for (let i = 0; i < 3; i++) expect((await bring(v1)).admitted).toBe(true);
    expect(inForce()).toBe(v2.offer.contractHash);
    expect(await history()).toEqual(["FIRST 1", "COMPATIBLE 1", "EARLIER 3"]);
  });

  test("a contract that was never there and lacks what callers see is refused, however it was meant", async () => {
    const { bring } = await start();
    await bring(v2);
    expect((await bring(v1)).admitted).toBe(false);
  });
});

test("all packages of an instance are admitted, or none", async () => {
  const { bring, inForce, history, kept, store } = await start();
  await bring(v2);
  expect((await bring(mill, broken)).admitted).toBe(false);
  expect(await store.read((reader) => kept.package(reader, "mill.v1"))).toBeUndefined();
  expect(inForce("mill.v1")).toBeUndefined();
  expect(await history("mill.v1")).toEqual([]);
  expect((await bring(mill, v2)).admitted).toBe(true);
});

test("after a restart what was in force is what the next is compared with, before any instance has come back", async () => {
  const { bring, restart, history } = await start();
  await bring(v1);
  await bring(v2);
  const again = restart();
  expect((await again.bring(broken)).admitted).toBe(false);
  await again.admission.recall([v1.offer]);
  expect(again.contracts.missing([v1.offer])).toEqual([]);
  expect((await again.bring(v1)).admitted).toBe(true);
  expect(again.inForce()).toBe(v2.offer.contractHash);
  expect(again.contracts.method("/loom.v1.LoomService/Rest")).toBeDefined();
  expect(await history()).toEqual(["FIRST 1", "COMPATIBLE 1", "REFUSED 1", "EARLIER 1"]);
});

describe("an override", () => {
  test.each([broken.offer.contractHash, broken.offer.contractHash.slice(0, 8), ""])(
    "for %j lets the contract in for good, and is used up",
    async (hash) => {
      const { bring, allow, inForce, history, restart } = await start();
      await bring(v2);
      await allow("loom.v1", hash);
      expect((await bring(broken)).admitted).toBe(true);
      expect(inForce()).toBe(broken.offer.contractHash);
      expect((await restart().bring(broken)).admitted).toBe(true);
      const other = contractOf("loom.v1", { LoomService: [] });
      expect((await bring(other)).admitted).toBe(false);
      expect(await history()).toEqual(["FIRST 1", "OVERRIDDEN 1", "EQUAL 1", "REFUSED 1"]);
    },
  );

  test("that has ended, was revoked, or is for another contract or package has no effect", async () => {
    const { bring, allow, clock, store, overrides } = await start();
    await bring(v2);
    await allow("loom.v1", broken.offer.contractHash, 1_000, "ovr_1");
    await allow("loom.v1", v1.offer.contractHash, 60_000, "ovr_2");
    await allow("mill.v1", "", 60_000, "ovr_3");
    await allow("loom.v1", broken.offer.contractHash, 60_000, "ovr_4");
    await store.write((tx) => overrides.revoke(tx, "ovr_4", "local", clock.nowMs()));
    clock.advance(1_000);
    expect((await bring(broken)).admitted).toBe(false);
  });

  test("leaves the contract before free to come back, and in force again by an override of its own", async () => {
    const { bring, allow, inForce } = await start();
    await bring(v2);
    await allow("loom.v1", "");
    await bring(broken);
    expect((await bring(v2)).admitted).toBe(true);
    // It adds a field to what callers see, and breaks none of them.
    expect(inForce()).toBe(v2.offer.contractHash);
    expect((await bring(broken)).admitted).toBe(true);
    expect(inForce()).toBe(v2.offer.contractHash);
    await allow("loom.v1", broken.offer.contractHash, 60_000, "ovr_2");
    await bring(broken);
    expect(inForce()).toBe(broken.offer.contractHash);
  });
});

test("of two new contracts that come at once, the second is compared with the first", async () => {
  const { bring } = await start();
  await bring(v1);
  const left = contractOf("loom.v1", { LoomService: ["Weave", "Left"] }, { fields: ["colour", "length"] });
  const decided = await Promise.all([bring(v2), bring(left)]);
  expect(decided.map(({ admitted }) => admitted).toSorted()).toEqual([false, true]);
});

test("the last 1,000 decisions of a package are kept", async () => {
  const { store, admissions, history } = await start();
  await store.write(async (tx) => {
    for (let i = 0; i < 1_010; i++) {
      const decision = { package: "loom.v1", contractHash: `${i}`, service: "loom", serviceVersion: "1.0.0" };
      await admissions.record(
        tx,
        { ...decision, outcome: AdmissionOutcome.REFUSED, violations: [], overrideId: "" },
        i,
      );
    }
  });
  expect(await history()).toHaveLength(1_000);
});
