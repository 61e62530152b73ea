import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContractService } from "@heddle/contracts/heddle/contract/v1";
import { register } from "@heddle/mesh/discovery";
import { createLog } from "@heddle/mesh/observe";
import { grpcTransport } from "@heddle/mesh/rpc";
import { systemRuntime } from "@heddle/mesh/runtime";
import { expect, onTestFinished, test, vi } from "vitest";
import { contractOf } from "../services/gateway/fixtures/contract.ts";
import { launchHeddleUp, runHeddle } from "./heddle-up.ts";
import { startMesh, type TestMesh } from "./mesh.ts";

const LOOM = new URL("./admission/loom.ts", import.meta.url).pathname;
/** Time enough for a machine that does other things as well, and for an instance that tries again after 10 s. */
const PATIENCE = { timeout: 40_000, interval: 100 };

/** Several processes start one after the other. */
const SLOW = { timeout: 120_000 };

const gatewayAlone = async (): Promise<TestMesh> => {
  const mesh = await startMesh([]);
  onTestFinished(() => mesh.stop());
  return mesh;
};

/** An instance of the service `loom`, as a process; resolves once it was admitted or refused. */
const startLoom = async (mesh: TestMesh, contract: "first" | "second" | "broken") => {
  const child: ChildProcess = spawn(process.execPath, ["--conditions=source", LOOM, contract], {
    env: { ...process.env, HEDDLE_GATEWAY: mesh.url, HEDDLE_DATA: mesh.dataFolder, HEDDLE_LOG_LEVEL: "info" },
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    output += chunk;
  });
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  };
  onTestFinished(stop);
  const messages: { type: string }[] = [];
  child.on("message", (message) => messages.push(message as { type: string }));
  await vi.waitFor(() => expect(messages).not.toEqual([]), PATIENCE);
  const lines = (): Record<string, unknown>[] =>
    output
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
  return { stop, lines, said: () => messages.map(({ type }) => type) };
};

/** The version that answers a call, or the HTTP status where none does. */
const call = async (
  mesh: TestMesh,
  method: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<string | number> => {
  const response = await fetch(`${mesh.url}/loom.v1.LoomService/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: "{}",
  });
  if (response.status !== 200) return response.status;
  const { colour } = (await response.json()) as { colour: string };
  return colour;
};

const heddle = (mesh: TestMesh, ...args: string[]) =>
  runHeddle([...args, "--gateway", mesh.url], {
    ...process.env,
    // A working tree of a test has no buf of its own.
    PATH: `${new URL("../node_modules/.bin", import.meta.url).pathname}:${process.env.PATH}`,
    NO_COLOR: "1",
    HEDDLE_DATA: mesh.dataFolder,
  });

const outcomes = async (mesh: TestMesh): Promise<string[]> => {
  const { stdout } = await heddle(mesh, "contracts", "history", "loom.v1", "--json");
  const lines = stdout.trim().split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line).outcome.slice("ADMISSION_OUTCOME_".length)).toReversed();
};

test(
  "an instance that would break callers is refused, the one before serves on, and an override lets it in",
  SLOW,
  async () => {
    const mesh = await gatewayAlone();
    await startLoom(mesh, "second");
    const made = await heddle(mesh, "contracts", "allow", "loom.v1", "--next", "--reason", "a mistake", "--json");
    const { stdout } = await heddle(mesh, "contracts", "revoke", JSON.parse(made.stdout).id);
    expect(stdout).toContain("is revoked");
    expect(await heddle(mesh, "contracts", "revoke", "ovr_x")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("heddle contracts overrides shows"),
    });
    const unseen = ["--hash", "00000000", "--reason", "a slip", "--for", "1s"];
    expect((await heddle(mesh, "contracts", "allow", "loom.v1", ...unseen)).stderr).toContain("was seen yet");
    expect(await heddle(mesh, "contracts", "history", "lom.v1")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("Did you mean loom.v1?"),
    });

    const broken = await startLoom(mesh, "broken");
    expect(broken.said()).toEqual(["refused"]);
    for (let i = 0; i < 4; i++) expect(await call(mesh, "Weave")).toBe("2.0.0");
    const rule = "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED";
    const told = broken.lines().filter(({ level }) => level === "error");
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({
      msg: "the registry refuses this contract: it would break callers of loom.v1",
      violations: expect.arrayContaining([expect.stringMatching(`^loom/v1/service.proto: ${rule}: .*length`)]),
      next: expect.arrayContaining([expect.stringContaining("heddle contracts allow loom.v1 --hash")]),
    });
    const refused = () =>
      mesh
        .logOf("gateway")
        .split("\n")
        .filter((line) => line.includes("instance refused: its contract would break callers"));
    // A line waits for others, for a moment.
    await expect.poll(refused).not.toEqual([]);
    // A name that the line has twice would put it under another service in `heddle logs`.
    expect(refused().map((line) => JSON.parse(line))).toMatchObject([{ service: "gateway", serviceName: "loom" }]);

    const status = await heddle(mesh, "status");
    expect(status.code).toBe(1);
    expect(status.stdout).toMatch(/^loom +3\.0\.0 +refused/m);
    expect(status.stderr).toContain(rule);
    const [, allow = ""] = /heddle (contracts allow loom\.v1 --hash [0-9a-f]+)/.exec(status.stderr) ?? [];
    const json = JSON.parse((await heddle(mesh, "status", "--json")).stdout);
    expect(json.services).toContainEqual(
      expect.objectContaining({ service: "loom", version: "3.0.0", state: "refused", refusal: expect.anything() }),
    );

    expect((await heddle(mesh, ...allow.split(" "), "--reason", "nobody sets it", "--for", "10m")).code).toBe(0);
    await vi.waitFor(() => expect(broken.said()).toEqual(["refused", "ready"]), PATIENCE);
    expect(await outcomes(mesh)).toEqual(["FIRST", "REFUSED", "OVERRIDDEN"]);
    expect((await heddle(mesh, "status")).stdout).not.toContain("refused");
    expect((await heddle(mesh, "contracts", "diff", "loom.v1")).stdout).toContain("- loom.v1.Thread.length");
  },
);

test("a check of a working tree names the line, the callers of the last days and the next command", SLOW, async () => {
  const mesh = await gatewayAlone();
  await startLoom(mesh, "second");
  for (let i = 0; i < 3; i++) await call(mesh, "Weave", { "heddle-consumer": "order/1.2.0" });
  const root = mkdtempSync(join(tmpdir(), "heddle-tree-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const folder = join(root, "proto/loom/v1");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(root, "buf.yaml"), "version: v2\nmodules:\n  - path: proto\n");
  writeFileSync(
    join(folder, "service.proto"),
    `syntax = "proto3";
package loom.v1;
message Thread {
  string colour = 1;
}
service LoomService {
  rpc Weave(Thread) returns (Thread);
  rpc Rest(Thread) returns (Thread);
}
`,
  );
  const check = await heddle(mesh, "contracts", "check", "--dir", join(root, "proto"), "--days", "7");
  expect(check.code).toBe(100);
  expect(check.stdout).toMatch(/^loom\.v1 +breaking/m);
  const file = join(folder, "service.proto");
  expect(check.stdout).toMatch(new RegExp(`^${file}:3: FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED: .*length`, "m"));
  expect(check.stdout).toContain("order 1.2.0 called loom.v1.LoomService/Weave 3 times");
  expect(check.stderr).toContain(`cp -R ${folder} ${folder.slice(0, -1)}2`);
  const source = readFileSync(file, "utf8").replace("colour = 1;", "colour = 1; string length = 2; string tag = 3;");
  writeFileSync(file, source);
  const silent = await heddle(mesh, "contracts", "check", "--dir", join(root, "proto"));
  expect([silent.code, silent.stdout]).toEqual([100, expect.stringContaining("ACCESS_UNDECLARED")]);
  expect([silent.stdout.includes("callers"), silent.stderr.includes("cp -R")]).toEqual([false, false]);
  expect(silent.stderr).toContain('add "option (heddle.options.v1.access)"');

  cpSync(new URL("../proto/heddle/options", import.meta.url), join(root, "proto/heddle/options"), { recursive: true });
  const access = "{ option (heddle.options.v1.access) = {public: true}; }";
  const open = source.replaceAll("(Thread);", `(Thread) ${access}`);
  writeFileSync(file, open.replace("package", 'import "heddle/options/v1/options.proto";\npackage'));
  const added = await heddle(mesh, "contracts", "check", "--dir", join(root, "proto"));
  expect([added.code, added.stdout]).toEqual([0, expect.stringMatching(/^loom\.v1 +compatible/m)]);
  await mesh.kill("gateway", "SIGTERM");
  const nobody = await heddle(mesh, "contracts", "check", "--dir", join(root, "proto"));
  expect([nobody.code, nobody.stderr]).toEqual([1, expect.stringContaining("No mesh answers")]);
});

test("a gateway that was killed knows what was in force before any instance has come back", SLOW, async () => {
  const mesh = await gatewayAlone();
  const loom = await startLoom(mesh, "second");
  await loom.stop();
  await mesh.kill("gateway", "SIGKILL");
  await mesh.start("gateway");
  expect((await startLoom(mesh, "broken")).said()).toEqual(["refused"]);
  expect((await startLoom(mesh, "second")).said()).toEqual(["ready"]);
  expect(await outcomes(mesh)).toEqual(["FIRST", "REFUSED", "EQUAL"]);
  const { packages } = await mesh.client(ContractService).listPackages({});
  expect(packages).toMatchObject([
    { name: "loom.v1", services: ["loom.v1.LoomService"], offers: [{ instanceCount: 1, offeredBy: ["loom 2.0.0"] }] },
  ]);
});

test("two versions run side by side, and an instance of the older one may restart", SLOW, async () => {
  const mesh = await gatewayAlone();
  const first = await startLoom(mesh, "first");
  await startLoom(mesh, "second");
  // At once: one call after the other goes to whichever answers faster.
  const answers = async () => {
    const said = await Promise.all(Array.from({ length: 16 }, () => call(mesh, "Weave")));
    return [...new Set(said)].toSorted();
  };
  expect(await answers()).toEqual(["1.0.0", "2.0.0"]);
  await first.stop();
  expect(await answers()).toEqual(["2.0.0"]);
  expect((await startLoom(mesh, "first")).said()).toEqual(["ready"]);
  expect(await answers()).toEqual(["1.0.0", "2.0.0"]);
  // Only one of them has it.
  for (let i = 0; i < 4; i++) expect(await call(mesh, "Rest")).toBe("2.0.0");
  expect(await outcomes(mesh)).toEqual(["FIRST", "COMPATIBLE", "EARLIER"]);
});

test("heddle up says that a service is refused, and goes on without it", SLOW, async () => {
  const mesh = await gatewayAlone();
  const runtime = systemRuntime();
  // What the real contract of customer.v1 lacks.
  const { services } = contractOf("customer.v1", { CustomerService: ["GetCustomer", "Vanish"] });
  const registration = register({
    instance: { instanceId: "a", address: "127.0.0.1:1", definition: { name: "customer", version: "9.0.0" }, services },
    transport: grpcTransport(mesh.url, runtime),
    runtime,
    log: createLog({ service: "t", level: "silent", clock: runtime.clock, destination: { write: () => undefined } }),
  });
  await registration.registered;
  await registration.leave();
  await mesh.kill("gateway", "SIGTERM");
  const up = await launchHeddleUp(["gateway", "customer"], (folder) =>
    cpSync(join(mesh.dataFolder, "gateway"), join(folder, "gateway"), { recursive: true }),
  );
  onTestFinished(async () => {
    await up.stop();
  });
  await vi.waitFor(() => expect(up.output()).toContain("the others go on"), PATIENCE);
  expect(up.output()).toMatch(/customer +refused: .*customer\.v1/);
  const waited = await up.heddle("wait", "--timeout", "20s");
  expect([waited.code, waited.stderr]).toEqual([1, expect.stringContaining("customer refused by the mesh")]);
  const status = await up.heddle("status");
  expect(status.stdout).toMatch(/^customer +0\.1\.0 +refused/m);
  expect(status.stderr).toContain('"Vanish"');
  expect((await up.heddle("contracts", "allow", "customer.v1", "--next", "--reason", "test")).code).toBe(0);
  await vi.waitFor(() => expect(up.output()).toMatch(/customer +ready/), PATIENCE);
  const ready = await up.heddle("wait", "--timeout", "20s");
  expect([ready.code, ready.stderr]).toEqual([0, expect.any(String)]);
});
