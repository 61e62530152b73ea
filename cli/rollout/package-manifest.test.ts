import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { dataFolder } from "../data-folder.ts";
import { readDeployment, releaseBefore, withOutcome, withRollout } from "./deployment-file.ts";
import { installPackage, removeOldReleases } from "./install-package.ts";
import { ENTRY_FILE, readPackage, STATEMENTS_FILE, writePackage } from "./package-manifest.ts";
import { readTar, writeTar } from "./tar.ts";

const ABOUT = {
  service: "order",
  version: "1.4.0",
  nodeMajor: 24,
  platform: "linux-x64",
  contracts: [],
  migrations: [],
};
const FILES = new Map([
  [STATEMENTS_FILE, Buffer.from("[]")],
  [ENTRY_FILE, Buffer.from("await 1;")],
  ["files/a/0001-a.sql", Buffer.from("SELECT 1;")],
]);
const { archive, release } = writePackage(ABOUT, FILES);

/** The package with other files, as somebody without `writePackage` could make it. */
const forged = (change: (files: { path: string; bytes: Uint8Array }[]) => { path: string; bytes: Uint8Array }[]) =>
  gzipSync(writeTar(change(readTar(gunzipSync(archive), 100))));

test("a package says what it is, and its release is named by its version and its content", () => {
  const read = readPackage(archive);
  expect(read.manifest).toMatchObject({ format: 1, ...ABOUT });
  expect(read.release).toBe(release);
  expect(release).toMatch(/^1\.4\.0\+[0-9a-f]{12}$/);
  expect(writePackage(ABOUT, new Map([...FILES].reverse())).archive.equals(archive)).toBe(true);
  expect(writePackage(ABOUT, new Map([...FILES, ["more", Buffer.from("")]])).release).not.toBe(release);
});

test.each<[string, Parameters<typeof forged>[0], RegExp]>([
  ["without a file", (files) => files.slice(0, -1), /is missing/],
  ["with one more", (files) => [...files, { path: "more.js", bytes: Buffer.from("") }], /does not name more\.js/],
  ["with one twice", (files) => [...files, ...files.slice(-1)], /holds it twice/],
  [
    "with one that was changed",
    (files) => files.map((file) => (file.path === ENTRY_FILE ? { ...file, bytes: Buffer.from("await 2;") } : file)),
    /main\.js was changed/,
  ],
  ["without a manifest", (files) => files.slice(1), /no manifest/],
  [
    "with a manifest that names no entry",
    ([first, ...files]) => [
      {
        path: "manifest.json",
        bytes: Buffer.from(
          Buffer.from(first?.bytes ?? [])
            .toString()
            .replace(ENTRY_FILE, "x.js"),
        ),
      },
      ...files,
    ],
    /no manifest/,
  ],
])("a package %s is refused", (_, change, why) => {
  expect(() => readPackage(forged(change))).toThrow(why);
});

test("a package whose manifest names what is no file is refused", () => {
  const hostile = forged(([first, ...files]) => {
    const manifest = JSON.parse(Buffer.from(first?.bytes ?? []).toString());
    const bytes = Buffer.from(JSON.stringify({ ...manifest, files: [null, ...manifest.files] }));
    return [{ path: "manifest.json", bytes }, ...files];
  });
  expect(() => readPackage(hostile)).toThrow(/no manifest/);
});

test("a package that cannot be written leaves nothing behind", () => {
  const path = mkdtempSync(join(tmpdir(), "heddle-install-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  const folder = dataFolder(path);
  // One path is a file and a folder at once.
  const impossible = writePackage(ABOUT, new Map([...FILES, ["a", Buffer.from("")], ["a/b", Buffer.from("")]]));
  expect(() => installPackage(folder, readPackage(impossible.archive))).toThrow(/cannot be installed/);
  expect(readdirSync(dirname(folder.packageFolder("order", release)))).toEqual([]);
});

test("the release that an undo goes back to stays, however many have failed since", () => {
  const path = mkdtempSync(join(tmpdir(), "heddle-install-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  const folder = dataFolder(path);
  const releaseOf = (minor: number): string => {
    const made = writePackage({ ...ABOUT, version: `1.${minor}.0` }, FILES);
    installPackage(folder, readPackage(made.archive));
    return made.release;
  };
  let deployment = readDeployment(folder.rollouts, "order");
  const roll = (minor: number, outcome: "done" | "rolled-back"): void => {
    const begun = withRollout(deployment, { kind: "deploy", release: releaseOf(minor), startMs: minor });
    deployment = withOutcome(begun, outcome, minor);
  };
  roll(1, "done");
  roll(2, "done");
  const before = releaseBefore(deployment);
  for (let minor = 3; minor < 10; minor++) roll(minor, "rolled-back");
  expect(removeOldReleases(folder, deployment)).not.toContain(before);
  expect(removeOldReleases(folder, deployment)).toEqual([]);
});

test("what is no archive at all is refused", () => {
  expect(() => readPackage(Buffer.from("#!/bin/sh"))).toThrow(/no package of heddle/);
});

test("a package is installed once, and releases that no undo goes back to are removed", () => {
  const path = mkdtempSync(join(tmpdir(), "heddle-install-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  const folder = dataFolder(path);
  const installed = installPackage(folder, readPackage(archive));
  expect(readFileSync(join(installed, ENTRY_FILE), "utf8")).toBe("await 1;");
  expect(installPackage(folder, readPackage(archive))).toBe(installed);
  const other = writePackage({ ...ABOUT, version: "1.5.0" }, FILES);
  installPackage(folder, readPackage(other.archive));
  const deployment = { version: 1, service: "order", release: other.release, replicas: 1, rollouts: [] } as const;
  expect(removeOldReleases(folder, deployment)).toEqual([release]);
});
