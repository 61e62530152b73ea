import type { DescMethodUnary } from "@bufbuild/protobuf";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { UsageService } from "@heddle/contracts/heddle/usage/v1";
import { OverviewService } from "@heddle/contracts/overview/v1";
import { createLog } from "@heddle/mesh/observe";
import { grpcTransport } from "@heddle/mesh/rpc";
import { systemRuntime } from "@heddle/mesh/runtime";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startClothInstance } from "../services/gateway/fixtures/cloth-instance.ts";
import { deprecatedContract } from "../services/gateway/fixtures/deprecated-contract.ts";
import { heddleUp, runHeddle } from "./heddle-up.ts";
import { startMesh, type TestMesh } from "./mesh.ts";

const runtime = systemRuntime();
const destination = { write: () => undefined };
const log = createLog({ service: "cloth", level: "silent", clock: runtime.clock, destination });
const contract = deprecatedContract();
const CUT = "cloth.v1.ClothService/Cut";
const TEAR = "cloth.v1.ClothService/Tear";
/** Time enough for a machine that does other things as well. */
const PATIENCE = { timeout: 20_000, interval: 100 };

describe("two consumers of a contract with something deprecated", () => {
  let mesh: TestMesh;
  let cloth: { stop(): Promise<void> };
  beforeAll(async () => {
    mesh = await startMesh([]);
    cloth = await startClothInstance(mesh.url, contract, { runtime, log });
  }, 60_000);
  afterAll(async () => {
    await cloth.stop();
    await mesh.stop();
  });

  const methodOf = (path: string) =>
    contract.services
      .flatMap(({ methods }) => methods)
      .find(({ name }) => path.endsWith(`/${name}`)) as DescMethodUnary;
  const callerOf = (consumer: string) => {
    const transport = grpcTransport(mesh.url, runtime, "heddle", { consumer });
    return async (path: string, request: Record<string, unknown> = {}, times = 1) => {
      const method = methodOf(path);
      for (let made = 0; made < times; made++) await transport.unary(method, undefined, undefined, undefined, request);
    };
  };
  const counts = async () => {
    const { methods } = await mesh.client(UsageService).listMethodUsage({ package: "cloth.v1" });
    return Object.fromEntries(
      methods.map(({ method, consumer, calls }) => [`${consumer?.name} ${method.split("/")[1]}`, Number(calls)]),
    );
  };
  const heddle = (...args: string[]) =>
    runHeddle(["usage", ...args, "--gateway", mesh.url], { ...process.env, NO_COLOR: "1" });

  test("a gateway that is killed keeps what it had written, and counts on when it is back", async () => {
    const [order, billing] = [callerOf("order/1.2.0"), callerOf("billing/2.0.0")];
    await order(CUT, { pattern: "a", oldName: "b" }, 5);
    await billing(CUT, { threads: [{ colour: "red" }] }, 2);
    await billing(TEAR);
    const written = { "order Cut": 5, "billing Cut": 2, "billing Tear": 1 };
    expect(await counts()).toEqual(written);
    // What a crash may lose: calls of the last two seconds.
    await order(CUT, {}, 3);
    await mesh.kill("gateway", "SIGKILL");
    await mesh.start("gateway");
    await expect.poll(() => order(CUT).then(() => "called", String), PATIENCE).toBe("called");
    const after = await counts();
    expect(after).toMatchObject({ "billing Cut": 2, "billing Tear": 1 });
    expect(after["order Cut"]).toBeGreaterThanOrEqual(6);
    expect(after["order Cut"]).toBeLessThanOrEqual(9);

    await mesh.kill("gateway", "SIGTERM");
    await mesh.start("gateway");
    expect(await counts()).toEqual(after);
    await expect.poll(() => billing(TEAR).then(() => "called", String), PATIENCE).toBe("called");
    expect(await counts()).toEqual({ ...after, "billing Tear": 2 });
  });

  test("heddle usage tells of a package, a method, a field and what is deprecated", async () => {
    const cells = (stdout: string) =>
      stdout
        .trimEnd()
        .split("\n")
        .slice(1)
        .map((line) => line.split(/ {2,}/));
    const methods = cells((await heddle("cloth.v1")).stdout);
    expect(methods.map((row) => row.slice(0, 4))).toEqual([
      [CUT, "order", "1.2.0", "own word"],
      [CUT, "billing", "2.0.0", "own word"],
      [TEAR, "billing", "2.0.0", "own word"],
    ]);
    expect(cells((await heddle(TEAR)).stdout)).toHaveLength(1);
    expect(cells((await heddle("cloth.v1.ClothService", "--consumer", "order")).stdout)).toHaveLength(1);
    const ofField = cells((await heddle("cloth.v1.CutRequest.old_name")).stdout);
    expect(ofField.map((row) => row.slice(0, 3))).toEqual([["cloth.v1.CutRequest.old_name", CUT, "order"]]);
    expect(cells((await heddle("cloth.v1.CutRequest.threads.colour")).stdout)[0]?.[2]).toBe("billing");
    const deprecated = cells((await heddle("--deprecated")).stdout);
    expect(deprecated.map((row) => [row[0], row[2], row[3]])).toEqual([
      [`method ${TEAR}`, "2027-03-31", "billing"],
      ["field cloth.v1.CutRequest.old_name", "2027-03-31", "order"],
      ["field cloth.v1.Thread.dye", "none", expect.any(String)],
      ["field cloth.v1.Thread.dye", "none", expect.any(String)],
    ]);
    const json = (await heddle("cloth.v1", "--json")).stdout.trim().split("\n");
    expect(json.map((line) => JSON.parse(line).consumer.name)).toEqual(["order", "billing", "billing"]);
  });

  test("heddle usage names the nearest to a name that nobody knows, and says when nobody calls", async () => {
    expect(await heddle("cloth.v1.ClothService/Tare")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`Did you mean ${TEAR}?`),
    });
    expect((await heddle("cloth.v1.CutRequest.patern")).stderr).toContain("Did you mean cloth.v1.CutRequest.pattern?");
    expect((await heddle("cloth.v2")).stderr).toContain("Did you mean cloth.v1?");
    expect(await heddle("cloth.v1.Thread.dye")).toMatchObject({
      code: 0,
      stdout: "",
      stderr: expect.stringContaining("No request that was looked at set cloth.v1.Thread.dye within 30 days."),
    });
    expect((await heddle("cloth.v1", "--days", "91")).code).toBe(2);
  });
});

test("in one process, what services ask each other past the gateway is counted as well", async () => {
  const mesh = await heddleUp("--single-process");
  onTestFinished(async () => {
    await mesh.stop();
  });
  const { customer } = await mesh
    .client(CustomerService)
    .createCustomer({ givenName: "Ada", familyName: "Lovelace", email: "ada@example.com" });
  await mesh.client(OverviewService).composeCustomerOverview({ customerId: customer?.id ?? "" });
  const consumers = async () => {
    const { methods } = await mesh.client(UsageService).listMethodUsage({ method: "customer.v1.CustomerService" });
    return methods.map(({ method, consumer, samples }) => [method.split("/")[1], consumer?.name, samples]);
  };
  await expect.poll(consumers, PATIENCE).toContainEqual(["GetCustomer", "overview", 1n]);
  expect(await consumers()).toContainEqual(["CreateCustomer", "connect-es", 1n]);
}, 60_000);
