import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startMesh, type TestMesh } from "./mesh.ts";

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await startMesh(["customer"]);
});
afterAll(() => mesh.stop());

const MAIN = new URL("../cli/main.ts", import.meta.url).pathname;
const SERVICE = "customer.v1.CustomerService";
const REFLECTION = "grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const MISSING = JSON.stringify({ customerId: `cus_${"0".repeat(26)}` });

/** What `heddle …` printed and how it ended. */
const heddle = async (args: readonly string[], { input = "", gateway = mesh.url } = {}) => {
  const child = spawn(process.execPath, ["--conditions=source", MAIN, ...args], {
    env: { ...process.env, HEDDLE_GATEWAY: gateway, NO_COLOR: "1" },
  });
  child.stdin.end(input);
  const [stdout, stderr, [exitCode]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { stdout, stderr, exitCode };
};

const jsonLines = (stdout: string): unknown[] =>
  stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

describe.concurrent("heddle call", () => {
  test("a call prints its reply as one line of JSON, by every protocol the same", async () => {
    const ada = JSON.stringify({ given_name: "Ada", familyName: "Lovelace", email: "ada@example.com" });
    const created = await heddle(["call", `${SERVICE}/CreateCustomer`, "-d", ada]);
    expect(created).toMatchObject({ exitCode: 0, stderr: "" });
    const [{ customer }] = jsonLines(created.stdout) as [{ customer: { id: string } }];
    expect(customer).toMatchObject({ givenName: "Ada", state: "CUSTOMER_STATE_ACTIVE" });
    for (const protocol of ["grpc", "grpc-web", "connect"]) {
      const data = JSON.stringify({ customerId: customer.id });
      const got = await heddle(["call", `${SERVICE}/GetCustomer`, "-d", data, "--protocol", protocol]);
      expect(jsonLines(got.stdout)).toEqual([{ customer }]);
    }
  });

  test("an RPC that fails exits with 64 and its code, and says reason, metadata and the next step", async () => {
    const { stdout, stderr, exitCode } = await heddle(["call", `${SERVICE}/GetCustomer`, "-d", MISSING]);
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 69 });
    expect(stderr.split("\n")).toEqual([
      "error:  NOT_FOUND Customer cus_00000000000000000000000000 does not exist.",
      "reason: CUSTOMER_NOT_FOUND (customer.v1)",
      "        customerId = cus_00000000000000000000000000",
      `next:   heddle describe ${SERVICE}/GetCustomer`,
      "",
    ]);
  });

  test("--json tells each field at fault to a program", async () => {
    const { stderr, exitCode } = await heddle(["call", `${SERVICE}/GetCustomer`, "--json"]);
    expect(exitCode).toBe(67);
    expect(JSON.parse(stderr)).toMatchObject({
      code: "INVALID_ARGUMENT",
      reason: "VALIDATION_FAILED",
      fieldViolations: [{ field: "customer_id" }],
    });
  });

  test.each(["grpc", "grpc-web", "connect"])(
    "a stream both ways takes and prints many messages, by %s",
    async (protocol) => {
      const input = '{"listServices": ""}{"fileByFilename": "nowhere.proto"}';
      const { stdout, exitCode } = await heddle(["call", REFLECTION, "-d", "-", "--protocol", protocol], { input });
      expect(exitCode).toBe(0);
      expect(jsonLines(stdout)).toMatchObject([
        { listServicesResponse: { service: expect.arrayContaining([{ name: SERVICE }]) } },
        { errorResponse: { errorCode: 5 } },
      ]);
    },
  );

  test("a server stream prints what comes until its deadline", async () => {
    const watch = await heddle(["call", "grpc.health.v1.Health/Watch", "--timeout", "2s"]);
    expect(jsonLines(watch.stdout)).toEqual([{ status: "SERVING" }]);
    expect(watch).toMatchObject({ exitCode: 68, stderr: expect.stringContaining("DEADLINE_EXCEEDED") });
  });

  test("a wrong message in the middle of a stream is named, and is not an error of the RPC", async () => {
    const input = '{"listServices": ""}{"fileByFilname": "x"}';
    const { stderr, exitCode } = await heddle(["call", REFLECTION, "-d", "-"], { input });
    expect(exitCode).toBe(2);
    expect(stderr).toContain("Message 2 is not a grpc.reflection.v1.ServerReflectionRequest: fileByFilname");
    expect(stderr).toContain("did you mean fileByFilename?");
  });

  test.each([
    [`${SERVICE}/GetCustomr`, `Did you mean ${SERVICE}/GetCustomer?`, 1],
    ["customer.v1.CustmerService/GetCustomer", `Did you mean ${SERVICE}/GetCustomer?`, 1],
    [SERVICE, `heddle list ${SERVICE}`, 2],
  ])("calling %s says: %s", async (name, next, exitCode) => {
    expect(await heddle(["call", name])).toMatchObject({ stdout: "", exitCode, stderr: expect.stringContaining(next) });
  });

  test("without a gateway it says so and how to start one", async () => {
    const { stderr, exitCode } = await heddle(["call", `${SERVICE}/GetCustomer`], { gateway: "http://127.0.0.1:1" });
    expect(exitCode).toBe(1);
    expect(stderr).toContain("No gateway answers at http://127.0.0.1:1");
    expect(stderr).toContain("heddle up");
  });
});

describe.concurrent("heddle list and describe", () => {
  test("services are listed with their methods, a table or JSON", async () => {
    const { stdout } = await heddle(["list", "--json"]);
    expect(JSON.parse(stdout).services).toContainEqual({ service: SERVICE, methods: 7 });
    expect((await heddle(["list"])).stdout).toMatch(/^customer\.v1\.CustomerService +7$/m);
  });

  test("the methods of a service, of a package and of a name without version are the same", async () => {
    const [service, ...others] = await Promise.all(
      [SERVICE, "customer.v1", "customer"].map((name) => heddle(["list", name, "--json"])),
    );
    expect(JSON.parse(service?.stdout ?? "").methods[1]).toMatchObject({
      method: `${SERVICE}/GetCustomer`,
      kind: "unary",
      idempotency: "no-side-effects",
      timeoutMs: 2000,
      routes: ["GET /v1/customers/{customer_id}"],
    });
    expect(others.map(({ stdout }) => stdout)).toEqual([service?.stdout, service?.stdout]);
  });

  test("a misspelt name gets the nearest", async () => {
    expect((await heddle(["list", "custmer"])).stderr).toContain("Did you mean customer?");
    expect((await heddle(["describe", "customer.v1.Custmer"])).stderr).toContain("Did you mean customer.v1.Customer?");
  });

  test("a method is described with its route, its options and its messages with their rules", async () => {
    const { stdout, exitCode } = await heddle(["describe", `${SERVICE}/GetCustomer`]);
    expect(stdout).toContain("// GetCustomer returns one customer, also a deleted one.");
    expect(exitCode).toBe(0);
    expect(stdout).toContain('option (google.api.http) = {get: "/v1/customers/{customer_id}"};');
    expect(stdout).toContain("option (heddle.options.v1.timeout) = {seconds: 2};");
    expect(stdout).toContain('(buf.validate.field).string = {pattern: "^cus_');
    expect(stdout).toContain("message GetCustomerResponse {");
  });

  test("a field is described alone, and as a descriptor with its options for programs", async () => {
    const name = "customer.v1.Customer.email";
    expect((await heddle(["describe", name])).stdout).toContain("string email = 4 [");
    expect(JSON.parse((await heddle(["describe", name, "--json"])).stdout)).toMatchObject({
      kind: "field",
      name,
      descriptor: { number: 4, options: { "[heddle.options.v1.sensitive]": "SENSITIVITY_PERSONAL" } },
    });
  });
});
