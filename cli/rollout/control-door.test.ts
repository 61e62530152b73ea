import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemTimers } from "@heddle/mesh/runtime";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Failure } from "../failure.ts";
import { type ControlDoor, type ControlHandler, openControlDoor } from "./control-door.ts";
import type { ControlRequest } from "./control-messages.ts";

let folder: string;
let path: string;
let door: ControlDoor | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "heddle-door-"));
  path = join(folder, "control.sock");
});
afterEach(() => {
  door?.close();
  rmSync(folder, { recursive: true });
});

const open = async (handle: ControlHandler): Promise<void> => {
  door = await openControlDoor(path, handle, systemTimers);
};

/** Sends a line; resolves to the lines of the answer. */
const ask = (line: string): Promise<unknown[]> =>
  new Promise((resolve) => {
    const connection = connect(path);
    let text = "";
    connection.on("data", (chunk) => {
      text += chunk;
    });
    connection.on("error", () => undefined);
    connection.on("close", () =>
      resolve(
        text
          .split("\n")
          .filter(Boolean)
          .map((each) => JSON.parse(each)),
      ),
    );
    connection.write(line);
  });

const RESTART: ControlRequest = { type: "restart", service: "customer", timeoutMs: 1_000 };

test("a request is answered by a line per step and one for its end", async () => {
  await open(async (request, tell) => {
    tell({ step: "starting", service: (request as typeof RESTART).service });
    return { type: "done", outcome: "done" };
  });
  expect(await ask(`${JSON.stringify(RESTART)}\n`)).toEqual([
    { type: "step", step: { step: "starting", service: "customer" } },
    { type: "done", outcome: "done" },
  ]);
});

test("the door is for its owner alone, also where another was left behind", async () => {
  writeFileSync(path, "");
  await open(async () => ({ type: "done", outcome: "done" }));
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("a failure comes with the next step", async () => {
  await open(async () => {
    throw new Failure("This mesh runs no customer.", { next: "It runs order." });
  });
  expect(await ask(`${JSON.stringify(RESTART)}\n`)).toEqual([
    { type: "failed", message: "This mesh runs no customer.", next: "It runs order." },
  ]);
});

test.each([
  "nonsense",
  "{}",
  "null",
  '{"type":"scale","counts":{"customer":33},"timeoutMs":1}',
  '{"type":"scale","counts":{"customer":-1},"timeoutMs":1}',
  '{"type":"restart","service":"customer","timeoutMs":"soon"}',
  '{"type":"deploy","service":"order","release":"../../etc","expected":null,"kind":"deploy","timeoutMs":1,"watchMs":1}',
])("what is no request is refused: %s", async (line) => {
  let isHandled = false;
  await open(async () => {
    isHandled = true;
    return { type: "done", outcome: "done" };
  });
  expect(await ask(`${line}\n`)).toMatchObject([{ type: "failed" }]);
  expect(isHandled).toBe(false);
});

test("a line that does not end is not kept", async () => {
  await open(async () => ({ type: "done", outcome: "done" }));
  expect(await ask("x".repeat(100_000))).toEqual([]);
});

test("a path that no socket can have is told before anything is made", async () => {
  path = join(folder, "x".repeat(100));
  await expect(open(async () => ({ type: "done", outcome: "done" }))).rejects.toThrow(/too long/);
});
