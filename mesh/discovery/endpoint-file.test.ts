import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { endpointFile } from "./endpoint-file.ts";
import type { KnownInstance } from "./known-instances.ts";

const loom: KnownInstance = {
  instanceId: "ins_1",
  address: "127.0.0.1:4000",
  serviceName: "loom",
  version: "1.0.0",
  locality: "",
  packages: [{ contractHash: "h1", services: ["loom.v1.LoomService"] }],
};
const folder = () => {
  const path = mkdtempSync(join(tmpdir(), "heddle-endpoints-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
};

test("what was written is read, by its owner alone", () => {
  const path = join(folder(), "order", "endpoints.json");
  const file = endpointFile(path, "ins_9");
  expect(file.read()).toEqual([]);
  file.write([loom]);
  expect(endpointFile(path, "ins_10").read()).toEqual([loom]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("it is replaced as a whole, and nothing is left beside it", () => {
  const data = folder();
  const path = join(data, "endpoints.json");
  endpointFile(path, "ins_9").write([loom]);
  endpointFile(path, "ins_10").write([{ ...loom, instanceId: "ins_2" }]);
  expect(readdirSync(data)).toEqual(["endpoints.json"]);
  expect(endpointFile(path, "ins_9").read()).toMatchObject([{ instanceId: "ins_2" }]);
});

test("a file that somebody else has written, or half of one, is none", () => {
  const path = join(folder(), "endpoints.json");
  const file = endpointFile(path, "ins_9");
  for (const text of ["", "{", "[]", '{"format":2,"instances":[]}', '{"format":1,"instances":{}}']) {
    writeFileSync(path, text);
    expect(file.read()).toEqual([]);
  }
  writeFileSync(path, JSON.stringify({ format: 1, instances: [{ address: 7 }, loom] }));
  expect(file.read()).toEqual([loom]);
});
