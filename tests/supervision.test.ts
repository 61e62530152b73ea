import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreditScoreService } from "@heddle/contracts/creditscore/v2";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { type HeddleUp, heddleUp, launchHeddleUp, runHeddle } from "./heddle-up.ts";

let up: HeddleUp;
beforeAll(async () => {
  up = await heddleUp();
}, 90_000);
afterAll(() => up.stop(), 30_000);

interface Status {
  readonly services: readonly { service: string; state: string; pid: number; restarts: number; address: string }[];
}

const status = async (): Promise<Status> => JSON.parse((await up.heddle("status", "--json")).stdout);

const ADA = { givenName: "Ada", familyName: "Lovelace" };

test("all eight services serve, and status says so", async () => {
  const { services } = await status();
  expect(services.map(({ service }) => service)).toEqual([
    "gateway",
    "auth",
    "billing",
    "creditscore",
    "customer",
    "order",
    "overview",
    "socialsecurity",
  ]);
  expect(services.every(({ state }) => state === "serving")).toBe(true);
  expect((await up.heddle("status")).code).toBe(0);
});

test("a service that is killed comes back with its data, and the others answer meanwhile", async () => {
  const customers = up.client(CustomerService);
  const { customer } = await customers.createCustomer({ ...ADA, email: "ada@example.com" });
  const customerId = customer?.id ?? "";
  const before = (await status()).services.find(({ service }) => service === "customer");
  process.kill(before?.pid ?? 0, "SIGKILL");

  // Answered while it is away, or by the one that came back: never left hanging, never with anything else.
  const answers = await Promise.allSettled(
    Array.from({ length: 20 }, () => customers.getCustomer({ customerId }, { timeoutMs: 2_000 })),
  );
  for (const answer of answers) {
    if (answer.status === "rejected") expect(String(answer.reason)).toContain("unavailable");
  }
  const { creditScore } = await up.client(CreditScoreService).getCreditScore({ customerId });
  expect(creditScore?.customerId).toBe(customerId);

  await expect
    .poll(
      () =>
        customers.getCustomer({ customerId }).then(
          ({ customer: found }) => found?.id,
          () => "",
        ),
      { timeout: 20_000 },
    )
    .toBe(customerId);
  const after = (await status()).services.find(({ service }) => service === "customer");
  expect(after).toMatchObject({ state: "serving", restarts: 1 });
  expect(after?.pid).not.toBe(before?.pid);
  expect(up.output()).toContain("customer was ended by SIGKILL");
});

test("the gateway is killed: it comes back, and every service registers again", async () => {
  const gateway = (await status()).services.find(({ service }) => service === "gateway");
  process.kill(gateway?.pid ?? 0, "SIGKILL");
  const registered = () =>
    up
      .client(RegistryService)
      .listInstances({})
      .then(
        ({ instances }) => new Set(instances.map(({ serviceName }) => serviceName)).size,
        () => 0,
      );
  await expect.poll(registered, { timeout: 20_000 }).toBe(7);
  await up.client(CustomerService).listCustomers({});
});

test("a second mesh on the same folder is refused, and says what to do", async () => {
  const second = await up.heddle("up");
  expect(second.code).toBe(1);
  expect(second.stderr).toContain("heddle down");
});

test("a port that is taken is told before anything starts", async () => {
  const { port } = new URL(up.url);
  const env = { ...process.env, HEDDLE_DATA: `${up.dataFolder}/other`, HEDDLE_PORT: port };
  const second = await runHeddle(["up"], env);
  expect(second.code).toBe(1);
  expect(second.stderr).toContain(`Port ${port}`);
});

test("a wrong environment is exit status 2, with every wrong variable", async () => {
  const env = {
    ...process.env,
    HEDDLE_PORT: "http",
    HEDDLE_HOST: "0.0.0.0:80",
    HEDDLE_DRAIN_MS: "soon",
    HEDDLE_DATA: up.dataFolder,
  };
  const refused = await runHeddle(["up"], env);
  expect(refused.code).toBe(2);
  for (const name of ["HEDDLE_PORT", "HEDDLE_HOST", "HEDDLE_DRAIN_MS"]) expect(refused.stderr).toContain(name);
});

test("an unknown service is exit status 2, with the nearest name", async () => {
  const refused = await up.heddle("up", "custmer");
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("customer");
});

test("backups of the running services are complete copies", async () => {
  const { code, stdout } = await up.heddle("backup", `${up.dataFolder}/backup`, "--json");
  expect(code).toBe(0);
  const copies: { service: string; bytes: number }[] = JSON.parse(stdout);
  expect(copies.map(({ service }) => service)).toContain("customer");
  expect((await up.heddle("backup", `${up.dataFolder}/backup`)).stderr).toContain("exists already");
});

test("logs show what was called, and config what is in force", async () => {
  const { stdout } = await up.heddle("logs", "customer", "-n", "500", "--json");
  expect(stdout).toContain('"method":"customer.v1.CustomerService/CreateCustomer"');
  // The contract marks names as personal: no line may hold one.
  expect(stdout).not.toContain("Lovelace");
  const rows: { name: string; source: string }[] = JSON.parse((await up.heddle("config", "customer", "--json")).stdout);
  expect(rows).toContainEqual(expect.objectContaining({ name: "HEDDLE_DATA", source: "environment" }));
  expect(rows).toContainEqual(expect.objectContaining({ name: "HEDDLE_LOG_LEVEL", source: "default" }));
});

test("down lets every call finish and says so; up ends with status 0", async () => {
  const down = await up.heddle("down");
  expect(down.stderr).toContain("every call was finished");
  expect(down.code).toBe(0);
  expect(await up.stop()).toBe(0);
});

test("one service that cannot start does not keep the others from their callers, and is named", async () => {
  const broken = await launchHeddleUp(["gateway", "customer", "creditscore"], (dataFolder) => {
    mkdirSync(join(dataFolder, "customer"));
    writeFileSync(join(dataFolder, "customer", "customer.db"), "no database at all");
  });
  try {
    const waited = await broken.heddle("wait", "--timeout", "40");
    expect(waited.code).toBe(1);
    expect(waited.stderr).toContain("customer could not be started");
    expect(broken.output()).toContain("customer/customer.db");
    const customerId = `cus_${"0".repeat(26)}`;
    const scores = broken.client(CreditScoreService);
    const answers = () =>
      scores.getCreditScore({ customerId }).then(
        ({ creditScore }) => creditScore?.customerId,
        () => undefined,
      );
    await expect.poll(answers, { timeout: 20_000 }).toBe(customerId);
  } finally {
    expect(await broken.stop()).toBe(1);
  }
}, 60_000);

test("a data folder that is a file is told in one line, without a stack", async () => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-file-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "data");
  writeFileSync(file, "");
  for (const args of [["up"], ["up", "--detach"]]) {
    const refused = await runHeddle(args, { ...process.env, HEDDLE_DATA: file });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("cannot be the data folder");
    expect(refused.stderr).not.toContain("    at ");
  }
});
