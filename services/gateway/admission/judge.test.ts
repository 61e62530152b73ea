import { create, toBinary } from "@bufbuild/protobuf";
import {
  DescriptorProtoSchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { AdmissionOutcome } from "@heddle/contracts/heddle/contract/v1";
import { parseDescriptorSet } from "@heddle/mesh/contract";
import { describe, expect, test } from "vitest";
import { judge } from "./judge.ts";

/** A file of the package `loom.v1` with one service, or with none where it has no methods. */
const file = (name: string, methods: readonly string[], { comments = false, needs = [] as string[] } = {}) =>
  create(FileDescriptorProtoSchema, {
    name: `loom/v1/${name}.proto`,
    package: "loom.v1",
    syntax: "proto3",
    dependency: needs.map((needed) => `loom/v1/${needed}.proto`),
    messageType: [{ name: `${name}Thread` }],
    service: methods.length === 0 ? [] : [serviceOf(name, methods, needs[0] ?? name)],
    ...(comments ? { sourceCodeInfo: { location: [{ path: [4, 0], span: [1, 0, 1], leadingComments: "Hi." }] } } : {}),
  });

const serviceOf = (name: string, methods: readonly string[], type: string) => ({
  name: `${name}Service`,
  method: methods.map((method) => {
    const typeName = `.loom.v1.${type}Thread`;
    return { name: method, inputType: typeName, outputType: typeName };
  }),
});

const setOf = (...files: FileDescriptorProto[]): Uint8Array =>
  toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: files }));

const decide = (
  inForce: Uint8Array | undefined,
  offered: Uint8Array,
  more: Partial<Parameters<typeof judge>[0]> = {},
) => judge({ packageName: "loom.v1", inForce, offered, wasAdmitted: false, override: undefined, ...more });

const servicesIn = (bytes: Uint8Array | undefined): string[] => {
  if (bytes === undefined) return [];
  const { registry } = parseDescriptorSet(bytes, "test");
  return [...registry].flatMap((type) => (type.kind === "service" ? [type.name] : [])).toSorted();
};

describe("a contract that brings a part of a package", () => {
  const feed = setOf(file("Feed", ["Read"]));
  const admin = setOf(file("Admin", ["Purge"]));
  const both = setOf(file("Feed", ["Read"]), file("Admin", ["Purge"]));

  test("joins what is in force, in whatever order the parts come", () => {
    for (const [first, second] of [
      [feed, admin],
      [admin, feed],
    ] as const) {
      const { outcome, inForce } = decide(first, second);
      expect([outcome, servicesIn(inForce)]).toEqual([AdmissionOutcome.COMPATIBLE, ["AdminService", "FeedService"]]);
    }
  });

  test("that is in force already changes nothing", () => {
    for (const part of [feed, admin]) {
      expect(decide(both, part)).toEqual({ outcome: AdmissionOutcome.EQUAL, inForce: undefined, breaks: [] });
    }
  });

  test("is refused for what it breaks of that part", () => {
    const { outcome, breaks } = decide(both, setOf(file("Feed", ["Follow"])));
    expect(outcome).toBe(AdmissionOutcome.REFUSED);
    expect(breaks.map(({ rule }) => rule)).toEqual(["RPC_NO_DELETE"]);
  });

  test("is refused when the part that it lacks could not be read any more", () => {
    const whole = setOf(file("Base", []), file("Feed", ["Read"], { needs: ["Base"] }));
    const base = create(FileDescriptorProtoSchema, {
      ...file("Base", []),
      messageType: [create(DescriptorProtoSchema, { name: "Other" })],
    });
    const { outcome, breaks } = decide(whole, setOf(base));
    expect(outcome).toBe(AdmissionOutcome.REFUSED);
    expect(breaks).toMatchObject([
      { rule: "FILE_NO_DELETE", element: "loom.v1", message: expect.stringContaining("BaseThread") },
    ]);
  });
});

describe("comments", () => {
  const plain = setOf(file("Feed", ["Read"]));
  const commented = setOf(file("Feed", ["Read"], { comments: true }));

  test("that a release adds come into force", () => {
    expect(decide(plain, commented)).toMatchObject({ outcome: AdmissionOutcome.COMPATIBLE, inForce: commented });
  });

  test("stay in force when somebody brings the same without", () => {
    expect(decide(commented, plain)).toMatchObject({ outcome: AdmissionOutcome.EQUAL, inForce: undefined });
  });

  test("of an earlier release do not come back with its instances", () => {
    const verdict = decide(commented, plain, { wasAdmitted: true });
    expect(verdict).toMatchObject({ outcome: AdmissionOutcome.EARLIER, inForce: undefined });
  });
});

test("an override for whatever comes next is not used by what may come back anyway", () => {
  const [first, second] = [setOf(file("Feed", ["Read"])), setOf(file("Feed", ["Read", "Follow"]))];
  const verdict = decide(second, first, { wasAdmitted: true, override: "any" });
  expect(verdict.outcome).toBe(AdmissionOutcome.EARLIER);
  expect(decide(second, first, { wasAdmitted: true, override: "named" }).outcome).toBe(AdmissionOutcome.OVERRIDDEN);
});
