import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type HeddleUp, heddleUp } from "../heddle-up.ts";

const run = promisify(execFile);

let up: HeddleUp;
let target: string;
beforeAll(async () => {
  for (const tool of ["grpcurl", "curl"]) {
    await run(tool, ["--version"]).catch(() => {
      throw new Error(
        `${tool} is missing: these tests run beside the real clients. See .ci/run for how to install it.`,
      );
    });
  }
  up = await heddleUp();
  target = new URL(up.url).host;
}, 90_000);
afterAll(() => up.stop(), 30_000);

const person = (email: string) => JSON.stringify({ givenName: "Ada", familyName: "Lovelace", email });
const CREATE = "customer.v1.CustomerService/CreateCustomer";

describe("the same CreateCustomer by every client on one port", () => {
  test("grpcurl, which learns the contract by reflection", async () => {
    const { stdout } = await run("grpcurl", ["-plaintext", "-d", person("grpcurl@example.com"), target, CREATE]);
    expect(JSON.parse(stdout).customer.id).toMatch(/^cus_/);
  });

  test.each(["grpc", "grpcweb", "connect"])("buf curl, over %s", async (protocol) => {
    const args = [
      "curl",
      "--protocol",
      protocol,
      "--http2-prior-knowledge",
      "-d",
      person(`buf-${protocol}@example.com`),
      `${up.url}/${CREATE}`,
    ];
    expect(JSON.parse((await run("buf", args)).stdout).customer.id).toMatch(/^cus_/);
  });

  test.each(["--http1.1", "--http2-prior-knowledge"])("curl with JSON, %s", async (version) => {
    const args = [
      "-sS",
      version,
      "-H",
      "content-type: application/json",
      "-d",
      person(`curl${version}@example.com`),
      `${up.url}/${CREATE}`,
    ];
    expect(JSON.parse((await run("curl", args)).stdout).customer.id).toMatch(/^cus_/);
  });

  test("heddle call", async () => {
    const { code, stdout } = await up.heddle("call", CREATE, "-d", person("heddle@example.com"));
    expect(code).toBe(0);
    expect(JSON.parse(stdout).customer.id).toMatch(/^cus_/);
  });
});

describe("grpcurl on the gateway", () => {
  test("list shows every service of the mesh", async () => {
    const { stdout } = await run("grpcurl", ["-plaintext", target, "list"]);
    expect(stdout.trim().split("\n")).toEqual(
      [
        "auth.v1.AuthService",
        "billing.v1.BillingService",
        "creditscore.v1.CreditScoreService",
        "creditscore.v2.CreditScoreService",
        "customer.v1.CustomerService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "heddle.contract.v1.ContractService",
        "heddle.events.v1.EventFeedService",
        "heddle.events.v1.SubscriptionService",
        "heddle.registry.v1.RegistryService",
        "heddle.saga.v1.SagaService",
        "heddle.traffic.v1.TrafficService",
        "heddle.usage.v1.UsageService",
        "order.v1.OrderService",
        "overview.v1.OverviewService",
        "socialsecurity.v1.SocialSecurityService",
      ].sort(),
    );
  });

  test("describe shows a method of a service behind it", async () => {
    const { stdout } = await run("grpcurl", ["-plaintext", target, "describe", "order.v1.OrderService.PlaceOrder"]);
    expect(stdout).toContain("rpc PlaceOrder");
  });

  test("health of a service behind it", async () => {
    const args = ["-plaintext", "-d", '{"service":"billing.v1.BillingService"}', target, "grpc.health.v1.Health/Check"];
    expect(JSON.parse((await run("grpcurl", args)).stdout).status).toBe("SERVING");
  });

  test("an error carries ErrorInfo and BadRequest", async () => {
    const args = ["-plaintext", "-d", '{"customerId":"nobody"}', target, "customer.v1.CustomerService/GetCustomer"];
    const { stderr } = await run("grpcurl", args).then(
      () => expect.fail("it succeeded"),
      (error: { stderr: string }) => error,
    );
    expect(stderr).toContain("InvalidArgument");
    expect(stderr).toContain("VALIDATION_FAILED");
    expect(stderr).toContain("customer_id");
  });

  test("a method that does not exist names the nearest one", async () => {
    const args = [
      "-sS",
      "-H",
      "content-type: application/json",
      "-d",
      "{}",
      `${up.url}/order.v1.OrderService/PlaceOrdr`,
    ];
    expect((await run("curl", args)).stdout).toContain("did you mean order.v1.OrderService/PlaceOrder");
  });
});
