import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { socketNetwork } from "@heddle/mesh/runtime";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dataFolder } from "./data-folder.ts";
import { isAlive } from "./process-info.ts";
import { readState } from "./state-file.ts";

const HEDDLE = fileURLToPath(new URL("./bin/heddle.js", import.meta.url));
const TEST_MS = 60_000;

let folder: string;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "heddle-detached-"));
  const listener = await socketNetwork.listen({ host: "127.0.0.1", port: 0 }, (connection) => connection.destroy());
  await listener.close();
  env = { ...process.env, HEDDLE_DATA: folder, HEDDLE_PORT: String(listener.address.port), NO_COLOR: "1" };
});
afterAll(async () => {
  await heddle("down");
  rmSync(folder, { recursive: true, force: true });
}, TEST_MS);

const heddle = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    execFile(process.execPath, [HEDDLE, ...args], { env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
    );
  });
const up = () => heddle("up", "gateway", "customer", "--detach");
const state = () => readState(dataFolder(folder).stateFile);

test(
  "a detached mesh is ready when the command returns, and a second one is refused without a trace",
  async () => {
    const first = await up();
    expect(first).toMatchObject({ code: 0 });
    expect(first.stdout).toMatch(/customer +ready +127\.0\.0\.1:\d+ +pid \d+/);
    expect(await heddle("call", "customer.v1.CustomerService/ListCustomers")).toMatchObject({ code: 0 });

    const log = readFileSync(dataFolder(folder).logFile("up"), "utf8");
    const second = await up();
    expect(second.code).toBe(1);
    expect(second.stderr).toContain("heddle down");
    expect(readFileSync(dataFolder(folder).logFile("up"), "utf8")).toBe(log);
  },
  TEST_MS,
);

test(
  "the services of a supervisor that is killed end, and the next mesh takes the folder over",
  async () => {
    const before = state();
    if (before === undefined) throw new Error("the mesh of the test before is missing");
    process.kill(before.supervisor.pid, "SIGKILL");
    expect(await up()).toMatchObject({ code: 0 });
    expect(before.services.map(({ process: child }) => child !== undefined && isAlive(child))).toEqual([false, false]);
    expect(await heddle("wait", "--timeout", "10s")).toMatchObject({ code: 0 });
  },
  TEST_MS,
);

test(
  "down leaves nothing behind, and wait then says that nothing runs",
  async () => {
    const running = state();
    expect(await heddle("down")).toMatchObject({ code: 0 });
    expect(running?.services.map(({ process: child }) => child !== undefined && isAlive(child))).toEqual([
      false,
      false,
    ]);
    const wait = await heddle("wait", "--timeout", "200ms");
    expect(wait.code).toBe(1);
    expect(wait.stderr).toContain("no mesh runs there");
  },
  TEST_MS,
);

test(
  "a request to stop that arrives twice at once is one request, and nothing is cut",
  async () => {
    expect(await up()).toMatchObject({ code: 0 });
    const supervisor = state()?.supervisor;
    if (supervisor === undefined) throw new Error("the mesh has no state");
    process.kill(supervisor.pid, "SIGTERM");
    process.kill(supervisor.pid, "SIGINT");
    await expect.poll(() => isAlive(supervisor), { timeout: 10_000 }).toBe(false);
    expect(state()).toMatchObject({ phase: "stopped", services: [{ state: "stopped" }, { state: "stopped" }] });
  },
  TEST_MS,
);
