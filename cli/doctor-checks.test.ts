import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { socketNetwork } from "@heddle/mesh/runtime";
import { afterEach, beforeEach, expect, test } from "vitest";
import { dataFolder } from "./data-folder.ts";
import { CHECKS, type Result } from "./doctor-checks.ts";

let path: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "heddle-doctor-"));
});
afterEach(() => rmSync(path, { recursive: true, force: true }));

const check = async (name: string, port = 1): Promise<Result> => {
  const found = CHECKS.find((known) => known.name === name);
  if (found === undefined) throw new Error(`there is no check ${name}`);
  return found.run({ folder: dataFolder(path), port });
};

test("a port that somebody holds is a problem that names the holder", async () => {
  const listener = await socketNetwork.listen({ host: "127.0.0.1", port: 0 }, (connection) => connection.destroy());
  const { port } = listener.address;
  const held = await check("port", port);
  expect(held.ok).toBe(false);
  expect(held.fix).toContain("--port");
  if (process.platform === "linux") expect(held.found).toContain(`process ${process.pid}`);
  await listener.close();
  expect(await check("port", port)).toMatchObject({ ok: true });
});

test("a data folder with a file that is no database of ours is a problem", async () => {
  expect(await check("data folder")).toMatchObject({ ok: true });
  mkdirSync(join(path, "customer"));
  writeFileSync(
    join(path, "customer", "customer.db"),
    "somebody's notes, much longer than a header of SQLite would be ".repeat(20),
  );
  const foreign = await check("data folder");
  expect(foreign.ok).toBe(false);
  expect(foreign.found).toContain("customer.db");
});

test("a data folder that does not exist yet is no problem", async () => {
  rmSync(path, { recursive: true });
  expect(await check("data folder")).toMatchObject({ ok: true });
});

test("this Node and its database binding are fine", async () => {
  expect(await check("node")).toMatchObject({ ok: true });
  expect(await check("sqlite")).toMatchObject({ ok: true });
});
