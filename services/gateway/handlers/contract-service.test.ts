import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { durationFromMs, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { AdmissionOutcome, CheckVerdict, ContractService, OverrideState } from "@heddle/contracts/heddle/contract/v1";
import { type RegisterRequest, RegisterRequestSchema, RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { descriptorSetOf } from "@heddle/mesh/contract";
import { createOutbound } from "@heddle/mesh/discovery";
import { systemRuntime } from "@heddle/mesh/runtime";
import { expectFailure, fakeClock, startTestService } from "@heddle/mesh/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { contractOf, instanceOf, type TestContract } from "../fixtures/contract.ts";
import { gateway } from "../service.ts";

const good = contractOf("loom.v1", { LoomService: ["Weave", "Rest"] }, { fields: ["colour", "length"] });
const better = contractOf("loom.v1", { LoomService: ["Weave", "Rest", "Cut"] }, { fields: ["colour", "length"] });
const broken = contractOf("loom.v1", { LoomService: ["Weave"] }, { fields: ["colour"] });
const mill = contractOf("mill.v1", { MillService: ["Grind"] });

const start = async () => {
  const clock = fakeClock();
  const service = await startTestService(gateway, { runtime: { ...systemRuntime(), clock } });
  onTestFinished(() => service.stop());
  const registry = service.client(RegistryService);
  let instances = 0;
  /** Resolves to what an instance with these contracts is told in the end; it stays when it was admitted. */
  const bring = async (...contracts: TestContract[]): Promise<string> => {
    const outbound = createOutbound<RegisterRequest>();
    const say = (body: RegisterRequest["body"]) => outbound.push(create(RegisterRequestSchema, { body }));
    say({ case: "instance", value: instanceOf(`i${instances++}`, ...contracts) });
    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    for await (const { body } of registry.register(outbound.messages, { signal: stop.signal })) {
      if (body.case === "contractsNeeded") {
        const needed = new Set(body.value.contractHashes);
        for (const { contract } of contracts) {
          if (needed.delete(contract.contractHash)) say({ case: "contract", value: contract });
        }
      }
      if (body.case === "admitted" || body.case === "refused") return body.case;
    }
    return "ended";
  };
  const contracts = service.client(ContractService);
  const check = async (set: TestContract, packages: string[] = []) => {
    const { packages: checked } = await contracts.checkContracts({
      fileDescriptorSet: set.contract.fileDescriptorSet,
      packages,
    });
    return checked;
  };
  return { ...service, clock, registry, contracts, bring, check };
};

describe("a check says of each package what would be decided:", () => {
  test("new, unchanged, compatible", async () => {
    const { bring, check } = await start();
    await bring(good);
    expect(await check(mill)).toMatchObject([{ package: "mill.v1", verdict: CheckVerdict.NEW, contractHash: "" }]);
    const inForce = good.offer.contractHash;
    expect(await check(good)).toMatchObject([
      { verdict: CheckVerdict.UNCHANGED, contractHash: inForce, violations: [] },
    ]);
    expect(await check(better)).toMatchObject([{ verdict: CheckVerdict.COMPATIBLE, contractHash: inForce }]);
  });

  test("breaking, with the methods that hold what breaks, and nothing is recorded", async () => {
    const { bring, check, contracts } = await start();
    await bring(good);
    const [checked] = await check(broken);
    expect(checked).toMatchObject({ verdict: CheckVerdict.BREAKING, violationCount: 3 });
    expect(checked?.violations.map(({ violation, methods }) => [violation?.rule, methods])).toEqual([
      ["FIELD_NO_DELETE_UNLESS_NAME_RESERVED", ["loom.v1.LoomService/Rest", "loom.v1.LoomService/Weave"]],
      ["FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED", ["loom.v1.LoomService/Rest", "loom.v1.LoomService/Weave"]],
      ["RPC_NO_DELETE", ["loom.v1.LoomService/Rest"]],
    ]);
    expect((await contracts.listAdmissions({})).admissions).toHaveLength(1);
  });

  test("refused, where a method does not say who may call it, whether or not the package is known", async () => {
    const { bring, check } = await start();
    const shape = { fields: ["colour", "length"], access: null };
    const silent = contractOf("loom.v1", { LoomService: ["Weave", "Rest"] }, shape);
    const told = [{ violation: { rule: "ACCESS_UNDECLARED" } }, { violation: { element: "loom.v1.LoomService.Rest" } }];
    const refused = { verdict: CheckVerdict.BREAKING, violationCount: 2, violations: told };
    expect(await check(silent)).toMatchObject([{ ...refused, contractHash: "" }]);
    await bring(good);
    expect(await check(silent)).toMatchObject([{ ...refused, contractHash: good.offer.contractHash }]);
  });

  test("deleted, where it is named and not there", async () => {
    const { bring, check } = await start();
    await bring(good);
    expect(await check(mill, ["loom.v1"])).toMatchObject([
      { verdict: CheckVerdict.BREAKING, violations: [{ violation: { rule: "SERVICE_NO_DELETE" } }] },
    ]);
    expect(await expectFailure(check(mill, ["nobody.v1"]))).toMatchObject({
      code: "NotFound",
      reason: "PACKAGE_NOT_FOUND",
      metadata: { packageName: "nobody.v1" },
    });
  });

  test("also of what the gateway serves itself", async () => {
    const { contracts } = await start();
    const set = fromBinary(FileDescriptorSetSchema, descriptorSetOf([RegistryService]).bytes);
    for (const { service } of set.file) for (const each of service) each.method = each.method.slice(1);
    const fileDescriptorSet = toBinary(FileDescriptorSetSchema, set);
    expect((await contracts.checkContracts({ fileDescriptorSet })).packages).toMatchObject([
      {
        package: "heddle.registry.v1",
        verdict: CheckVerdict.BREAKING,
        violations: [{ violation: { rule: "RPC_NO_DELETE" } }],
      },
    ]);
  });

  test("nothing of bytes that are no descriptor set", async () => {
    const { contracts } = await start();
    const garbage = contracts.checkContracts({ fileDescriptorSet: new Uint8Array([255]) });
    expect(await expectFailure(garbage)).toMatchObject({ code: "InvalidArgument", reason: "CONTRACT_INVALID" });
  });
});

test("packages are listed by name, with the contract in force and who brings what", async () => {
  const { bring, contracts, registry } = await start();
  await bring(good, mill);
  await bring(better);
  const first = await contracts.listPackages({ pageSize: 1 });
  expect(first.packages).toMatchObject([
    {
      name: "loom.v1",
      contractHash: better.offer.contractHash,
      services: ["loom.v1.LoomService"],
      offers: [good, better]
        .map(({ offer }) => ({ contractHash: offer.contractHash, instanceCount: 1, offeredBy: ["loom 1.0.0"] }))
        .toSorted((a, b) => (a.contractHash < b.contractHash ? -1 : 1)),
    },
  ]);
  const second = await contracts.listPackages({ pageSize: 1, pageToken: first.nextPageToken });
  expect([second.packages.map(({ name }) => name), second.nextPageToken]).toEqual([["mill.v1"], ""]);
  // What was in force before can still be looked at.
  const { contract } = await registry.getContract({ lookup: { case: "contractHash", value: good.offer.contractHash } });
  expect(contract?.fileDescriptorSet).toEqual(good.contract.fileDescriptorSet);
});

test("decisions are listed latest first, by package and outcome, and say which refusals are pending", async () => {
  const { bring, contracts, clock } = await start();
  await bring(good, mill);
  await bring(broken);
  await bring(better);
  const list = async (request: Parameters<typeof contracts.listAdmissions>[0]) =>
    (await contracts.listAdmissions(request)).admissions.map(
      (each) => `${each.package} ${AdmissionOutcome[each.outcome]}${each.pending ? " pending" : ""}`,
    );
  expect(await list({})).toEqual(["loom.v1 COMPATIBLE", "loom.v1 REFUSED pending", "mill.v1 FIRST", "loom.v1 FIRST"]);
  expect(await list({ package: "mill.v1" })).toEqual(["mill.v1 FIRST"]);
  clock.advance(30_000);
  const outcomes = [AdmissionOutcome.FIRST, AdmissionOutcome.REFUSED];
  expect(await list({ outcomes })).toEqual(["loom.v1 REFUSED", "mill.v1 FIRST", "loom.v1 FIRST"]);
  expect(await list({ package: "loom.v1", outcomes })).toEqual(["loom.v1 REFUSED", "loom.v1 FIRST"]);
  const paged: string[] = [];
  for (let pageToken = "", first = true; first || pageToken !== ""; first = false) {
    const page = await contracts.listAdmissions({ outcomes, pageSize: 1, pageToken });
    paged.push(...page.admissions.map((each) => `${each.package} ${AdmissionOutcome[each.outcome]}`));
    pageToken = page.nextPageToken;
  }
  expect(paged).toEqual(["loom.v1 REFUSED", "mill.v1 FIRST", "loom.v1 FIRST"]);
});

describe("an override", () => {
  test("lasts an hour unless the request says otherwise, and is made once for one request_id", async () => {
    const { bring, contracts, clock } = await start();
    await bring(good);
    const nowSeconds = BigInt(Math.floor(clock.nowMs() / 1000));
    const request = { package: "loom.v1", reason: "why", requestId: "7f2c1a52-7f0b-4d0e-8a53-3f6f0e2f9b11" };
    const { override } = await contracts.createOverride(request);
    expect(override).toMatchObject({ state: OverrideState.ACTIVE, expireTime: { seconds: nowSeconds + 3600n } });
    expect((await contracts.createOverride(request)).override?.id).toBe(override?.id);
    await contracts.createOverride({ package: "loom.v1", reason: "why", lifetime: durationFromMs(1_000) });
    clock.advance(1_000);
    const { overrides } = await contracts.listOverrides({ package: "loom.v1" });
    expect(overrides.map(({ state }) => state)).toEqual([OverrideState.EXPIRED, OverrideState.ACTIVE]);
    expect((await contracts.listOverrides({ package: "mill.v1" })).overrides).toEqual([]);
  });

  test("that is revoked lets nothing in, and revoking it again changes nothing", async () => {
    const { bring, contracts } = await start();
    await bring(good);
    const { override } = await contracts.createOverride({ package: "loom.v1", reason: "why" });
    const overrideId = override?.id ?? "";
    const revoked = await contracts.revokeOverride({ overrideId });
    expect(revoked.override?.state).toBe(OverrideState.REVOKED);
    // From this machine, without credentials.
    expect([override?.creator, override?.revoker]).toEqual(["local", ""]);
    expect([revoked.override?.creator, revoked.override?.revoker]).toEqual(["local", "local"]);
    expect(await contracts.revokeOverride({ overrideId })).toEqual(revoked);
    expect(await bring(broken)).toBe("refused");
  });

  test("that was used says for what, and stays used", async () => {
    const { bring, contracts } = await start();
    await bring(good);
    const contractHash = broken.offer.contractHash.slice(0, 8);
    const { override } = await contracts.createOverride({ package: "loom.v1", contractHash, reason: "why" });
    expect(await bring(broken)).toBe("admitted");
    expect(await contracts.revokeOverride({ overrideId: override?.id ?? "" })).toMatchObject({
      override: { state: OverrideState.USED, usedContractHash: broken.offer.contractHash },
    });
    const { admissions } = await contracts.listAdmissions({ outcomes: [AdmissionOutcome.OVERRIDDEN] });
    expect(admissions).toMatchObject([{ overrideId: override?.id, violations: [{}, {}, {}] }]);
  });

  test("is refused for a package that is not known, an id that is not, a hash that is none, and when there are 100", async () => {
    const { bring, contracts } = await start();
    const make = (request: object) => expectFailure(contracts.createOverride({ reason: "why", ...request }));
    expect(await make({ package: "loom.v1" })).toMatchObject({ code: "NotFound", reason: "PACKAGE_NOT_FOUND" });
    expect(await expectFailure(contracts.revokeOverride({ overrideId: "ovr_x" }))).toMatchObject({
      code: "NotFound",
      reason: "OVERRIDE_NOT_FOUND",
    });
    await bring(good);
    const invalid = { code: "InvalidArgument", reason: "VALIDATION_FAILED" };
    expect(await make({ package: "loom.v1", contractHash: "abc" })).toMatchObject(invalid);
    expect(await make({ package: "loom.v1", lifetime: durationFromMs(8 * 24 * 3_600_000) })).toMatchObject(invalid);
    expect(await make({ package: "loom.v1", reason: "" })).toMatchObject(invalid);
    expect(await make({ package: "loom.v1", reason: " \n" })).toMatchObject(invalid);
    for (let i = 0; i < 100; i++) await contracts.createOverride({ package: "loom.v1", reason: "why" });
    expect(await make({ package: "loom.v1" })).toMatchObject({ code: "ResourceExhausted", reason: "OVERRIDES_FULL" });
  });
});
