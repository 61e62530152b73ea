import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemRandom } from "@heddle/mesh/runtime";
import { expect, onTestFinished, test } from "vitest";
import { dataFolder } from "./data-folder.ts";
import { identityKeyFile } from "./identity-key.ts";

const emptyFolder = () => {
  const path = mkdtempSync(join(tmpdir(), "heddle-key-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return dataFolder(join(path, "data"));
};

test("a mesh gets a secret of 256 bits that only its owner reads, once", () => {
  const folder = emptyFolder();
  const file = identityKeyFile(folder, {}, systemRandom);
  const key = readFileSync(file, "utf8");
  expect(Buffer.from(key.trim(), "base64url")).toHaveLength(32);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(identityKeyFile(folder, {}, systemRandom)).toBe(file);
  expect(readFileSync(file, "utf8")).toBe(key);
});

test("the key that the environment names is taken, and none is made", () => {
  const folder = emptyFolder();
  expect(identityKeyFile(folder, { HEDDLE_IDENTITY_KEY_FILE: "/run/key" }, systemRandom)).toBe("/run/key");
  expect(() => statSync(folder.path)).toThrow("ENOENT");
});
