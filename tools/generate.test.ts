import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { differences, generateInto } from "./generate.ts";
import { ROOT } from "./run-tool.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "heddle-generate-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("generating changes nothing in gen/, and puts right what was changed, lost or left over", () => {
  cpSync(join(ROOT, "gen"), folder, { recursive: true });
  writeFileSync(join(folder, "order/v1/index.js"), "");
  writeFileSync(join(folder, "order/v1/left_over_pb.js"), "");
  rmSync(join(folder, "google/rpc/status_pb.d.ts"));
  generateInto(folder);
  expect(differences(join(ROOT, "gen"), folder)).toEqual([]);
}, 60_000);

test("differences are listed as missing, changed or stale", () => {
  const other = join(folder, "other");
  cpSync(join(ROOT, "gen/order"), join(folder, "one"), { recursive: true });
  cpSync(join(ROOT, "gen/order"), other, { recursive: true });
  writeFileSync(join(other, "v1/index.js"), "");
  writeFileSync(join(other, "v1/left_over.js"), "");
  rmSync(join(other, "v1/order_pb.js"));
  expect(differences(join(folder, "one"), other)).toEqual([
    "changed  v1/index.js",
    "stale    v1/left_over.js",
    "missing  v1/order_pb.js",
  ]);
});

test("every export of the package leads to files that exist", () => {
  const { exports } = JSON.parse(readFileSync(join(ROOT, "gen/package.json"), "utf8"));
  expect(Object.keys(exports)).toEqual(expect.arrayContaining(["./order/v1", "./grpc/health/v1", "./google/rpc"]));
  const targets = Object.values(exports).flatMap((entry) =>
    typeof entry === "string" ? entry : Object.values(entry ?? {}),
  );
  for (const target of targets) expect(existsSync(join(ROOT, "gen", target))).toBe(true);
});
