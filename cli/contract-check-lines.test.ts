import { create } from "@bufbuild/protobuf";
import { PackageCheckSchema } from "@heddle/contracts/heddle/contract/v1";
import { expect, test } from "vitest";
import { nextLines } from "./contract-check-lines.ts";

const broken = create(PackageCheckSchema, {
  package: "loom.v1",
  violations: [{ violation: { rule: "SERVICE_NO_DELETE" } }],
});

test("a package is copied to the first version that is free, and one whose folder is gone is to come back", () => {
  const there = new Set(["proto/loom/v1", "proto/loom/v2"]);
  expect(nextLines([broken], "proto", (folder) => there.has(folder))).toContain("  cp -R proto/loom/v1 proto/loom/v3");
  expect(nextLines([broken], "proto", () => false)).toContain("  bring proto/loom/v1 back as it was");
});
