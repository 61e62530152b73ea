import { readdirSync, readFileSync } from "node:fs";
import type { DescService } from "@bufbuild/protobuf";
import { createLog } from "@heddle/mesh/observe";
import { fakeClock } from "@heddle/mesh/testing";
import { expect, test } from "vitest";
import { deprecatedContract } from "../fixtures/deprecated-contract.ts";
import { createContracts } from "../registry/contracts.ts";
import { searchOf } from "./deprecated-callers.ts";
import { deprecatedElements } from "./deprecated-elements.ts";
import { createDeprecations, endOfDay } from "./deprecations.ts";

const start = (sunset?: string, known: ReadonlyMap<string, number> = new Map()) => {
  const lines: { msg: string }[] = [];
  const clock = fakeClock(1_800_000_000_500);
  const destination = { write: (line: string) => lines.push(JSON.parse(line)) };
  const deprecations = createDeprecations(known, {
    clock,
    log: createLog({ service: "gateway", level: "info", clock, destination }),
  });
  const { contract, offer } = deprecatedContract(sunset);
  const contracts = createContracts();
  contracts.add(contract);
  contracts.admit([offer]);
  const method = (name: string) => contracts.method(`/cloth.v1.ClothService/${name}`) ?? expect.fail(name);
  return { deprecations, contracts, method, clock, lines };
};

test("a method is told to be deprecated since the mesh first saw it so, and to be gone at the end of its day", () => {
  const { deprecations, method, clock } = start();
  expect(deprecations.answerFields(method("Cut"))).toEqual([]);
  const fields = ["deprecation", "@1800000000", "sunset", "Wed, 31 Mar 2027 23:59:59 GMT"];
  expect(deprecations.answerFields(method("Tear"))).toEqual(fields);
  clock.advance(60_000);
  expect(deprecations.answerFields(method("Tear"))).toEqual(fields);
  expect([...deprecations.takeNew()]).toEqual([["cloth.v1.ClothService/Tear", 1_800_000_000_500]]);
  expect([...deprecations.takeNew()]).toEqual([]);
});

test("what is remembered from before is what callers are told", () => {
  const { deprecations, method } = start("", new Map([["cloth.v1.ClothService/Tear", 5_000]]));
  expect(deprecations.answerFields(method("Tear"))).toEqual(["deprecation", "@5"]);
  expect(deprecations.takeNew().size).toBe(0);
});

test("a sunset that is no day is left out, with one line in the log", () => {
  const { deprecations, method, lines } = start("next summer");
  expect(deprecations.answerFields(method("Tear"))).toEqual(["deprecation", "@1800000000"]);
  deprecations.answerFields(method("Tear"));
  expect(lines.map(({ msg }) => msg)).toEqual(["no day to tell callers of: write it as 2027-03-31"]);
});

test("a contract is noted with all that it says is deprecated, before anybody calls", () => {
  const { deprecations, contracts } = start();
  deprecations.note(contracts.packages());
  expect([...deprecations.takeNew().keys()].sort()).toEqual([
    "cloth.v1.ClothService/Tear",
    "cloth.v1.CutRequest.old_name",
    "cloth.v1.Thread.dye",
  ]);
});

test("days are days of the calendar", () => {
  expect(endOfDay("2028-02-29")).toBe(Date.UTC(2028, 1, 29, 23, 59, 59));
  for (const day of ["2027-02-29", "2027-13-01", "27-01-01", "2027-1-1", "2027-01-01T00:00:00Z", ""])
    expect(endOfDay(day), day).toBeUndefined();
});

test("a field that only requests can hold is looked for in them; what replies can hold, among all who may see it", () => {
  const { contracts } = start();
  const [contract = expect.fail("none")] = contracts.packages();
  const methods = contract.services.flatMap((service: DescService) => service.methods);
  const search = (name: string) => {
    const element = deprecatedElements(contract).find((one) => one.name === name) ?? expect.fail(name);
    return searchOf(element, methods);
  };
  expect(search("cloth.v1.ClothService/Tear")).toMatchObject({ evidence: 1, methods: ["cloth.v1.ClothService/Tear"] });
  expect(search("cloth.v1.CutRequest.old_name")).toMatchObject({
    evidence: 2,
    methods: ["cloth.v1.ClothService/Cut"],
    field: { message: "cloth.v1.CutRequest", number: 2 },
  });
  expect(search("cloth.v1.Thread.dye")).toMatchObject({
    evidence: 3,
    methods: ["cloth.v1.ClothService/Cut", "cloth.v1.ClothService/Tear"],
    field: { message: "cloth.v1.Thread", number: 2 },
  });
});

test("every sunset in the contracts of this repository is a day", () => {
  const root = new URL("../../../proto/", import.meta.url);
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".proto"));
  expect(files.length).toBeGreaterThan(20);
  for (const file of files) {
    const text = readFileSync(new URL(file, root), "utf8");
    for (const [, day = ""] of text.matchAll(/_sunset\)\s*=\s*"([^"]*)"/g)) expect(endOfDay(day), file).toBeDefined();
  }
});
