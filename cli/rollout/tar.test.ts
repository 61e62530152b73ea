import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readTar, TarError, writeTar } from "./tar.ts";

const file = (path: string, text = path) => ({ path, bytes: Buffer.from(text) });

const LONG = `files/${"folder/".repeat(14)}a-file-with-a-name-of-its-own.binpb`;

test("files come out as they went in, also empty ones and those with long paths", () => {
  const files = [file("main.js", "x".repeat(1_000)), file("empty", ""), file(LONG), file("exact", "y".repeat(512))];
  expect(readTar(writeTar(files), 10).map(({ path, bytes }) => [path, Buffer.from(bytes).toString()])).toEqual(
    files.map(({ path, bytes }) => [path, bytes.toString()]),
  );
});

test("any tar unpacks it", () => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-tar-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "a.tar"), writeTar([file("main.js", "1"), file(LONG, "2")]));
  execFileSync("tar", ["-xf", "a.tar"], { cwd: folder });
  expect(readFileSync(join(folder, LONG), "utf8")).toBe("2");
});

test.each(["../up", "/etc/passwd", "a/../../b", "a//b", "./a", ".hidden", "a\\b", "", "a/"])(
  "a path that may lead elsewhere is refused: %j",
  (path) => {
    expect(() => writeTar([file(path, "")])).toThrow(TarError);
    // One that somebody else has written.
    const archive = writeTar([file("x".repeat(40), "")]);
    const header = archive.subarray(0, 512);
    header.fill(0, 0, 100);
    header.write(path, 0);
    header.fill(0x20, 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    expect(() => readTar(archive, 10)).toThrow(TarError);
  },
);

test("a link, and a header that was changed, are refused", () => {
  const archive = writeTar([file("main.js")]);
  const changed = Buffer.from(archive);
  changed[0] = 0x6e;
  expect(() => readTar(changed, 10)).toThrow(/was changed/);
  const link = Buffer.from(archive);
  link[156] = 0x32;
  link.write(`${(Number.parseInt(link.toString("latin1", 148, 154), 8) + 2).toString(8).padStart(6, "0")}\0 `, 148);
  expect(() => readTar(link, 10)).toThrow(/what no package does/);
});

test("one that ends in the middle, or holds too many files, is refused", () => {
  const archive = writeTar([file("a", "x".repeat(2_000)), file("b")]);
  expect(() => readTar(archive.subarray(0, 1_024), 10)).toThrow(/ends in the middle/);
  expect(() => readTar(archive.subarray(0, 600), 10)).toThrow(/ends in the middle/);
  expect(() => readTar(archive, 1)).toThrow(/more than 1 files/);
});
