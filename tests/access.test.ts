import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { AuthService } from "@heddle/contracts/auth/v1";
import { BillingService } from "@heddle/contracts/billing/v1";
import { CreditScoreService as CreditScoreV1 } from "@heddle/contracts/creditscore/v1";
import { CreditScoreService as CreditScoreV2 } from "@heddle/contracts/creditscore/v2";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { ContractService } from "@heddle/contracts/heddle/contract/v1";
import { EventFeedService, SubscriptionService } from "@heddle/contracts/heddle/events/v1";
import { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { SagaService } from "@heddle/contracts/heddle/saga/v1";
import { UsageService } from "@heddle/contracts/heddle/usage/v1";
import { OrderService } from "@heddle/contracts/order/v1";
import { OverviewService } from "@heddle/contracts/overview/v1";
import { SocialSecurityService } from "@heddle/contracts/socialsecurity/v1";
import { IDENTITY_HEADER, signWorkloadToken } from "@heddle/mesh/identity";
import { SERVICE_HEADER } from "@heddle/mesh/rpc";
import { systemClock } from "@heddle/mesh/runtime";
import { expectFailure } from "@heddle/mesh/testing";
import Database from "better-sqlite3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { allCallers, OPERATOR_EMAIL, signInUsers, type TestCaller } from "./access/callers.ts";
import { demanded, verdict } from "./access/verdict.ts";
import { ALL_SERVICES, startMesh, type TestMesh } from "./mesh.ts";

// A mesh that asks everybody who they are.

const IDENTITY_KEY = "0123456789abcdef".repeat(4);

/** Every contract of the mesh, with a service that serves it. */
const SERVED: readonly (readonly [DescService, string])[] = [
  [AuthService, "auth"],
  [BillingService, "billing"],
  [CreditScoreV1, "creditscore"],
  [CreditScoreV2, "creditscore"],
  [CustomerService, "customer"],
  [OrderService, "order"],
  [OverviewService, "overview"],
  [SocialSecurityService, "socialsecurity"],
  [EventFeedService, "billing"],
  [SubscriptionService, "order"],
  [SagaService, "order"],
  [RegistryService, "gateway"],
  [ContractService, "gateway"],
  [UsageService, "gateway"],
];

let folder: string;
let mesh: TestMesh;
let users: Awaited<ReturnType<typeof signInUsers>>;
let callers: TestCaller[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "heddle-access-"));
  const file = join(folder, "identity.key");
  writeFileSync(file, `${IDENTITY_KEY}\n`, { mode: 0o600 });
  mesh = await startMesh(ALL_SERVICES, {
    HEDDLE_ACCESS: "enforced",
    HEDDLE_IDENTITY_KEY_FILE: file,
    HEDDLE_AUTH_OPERATOR_EMAIL: OPERATOR_EMAIL,
  });
  const transport = createGrpcTransport({ baseUrl: mesh.url });
  users = await signInUsers(transport);
  callers = await allCallers(transport, users, Buffer.from(IDENTITY_KEY));
}, 90_000);

afterAll(async () => {
  await mesh?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

const ways: readonly (readonly [string, (baseUrl: string) => Transport])[] = [
  ["gRPC", (baseUrl) => createGrpcTransport({ baseUrl })],
  ["gRPC-Web", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "2" })],
  ["Connect JSON", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: false })],
];

test("the list of contracts is whole", async () => {
  const { instances } = await mesh.client(RegistryService).listInstances({}, bearer(users.operator.token));
  const served = instances.flatMap(({ packages }) => packages.flatMap(({ services }) => services));
  expect(new Set(SERVED.flatMap(([service, owner]) => (owner === "gateway" ? [] : service.typeName)))).toEqual(
    new Set(served),
  );
});

/** Every caller at every method of a door, some calls at a time; one line for each verdict that is not the contract's. */
const wrongVerdicts = async (
  transportTo: (owner: string) => Transport,
): Promise<{ wrong: string[]; calls: number }> => {
  const calls: { method: DescMethod; owner: string; caller: TestCaller }[] = SERVED.flatMap(([service, owner]) =>
    service.methods.flatMap((method) => callers.map((caller) => ({ method, owner, caller }))),
  );
  const wrong: string[] = [];
  const queue = calls.values();
  const work = async () => {
    for (const { method, owner, caller } of queue) {
      const headers = { ...caller.headers, [SERVICE_HEADER]: owner };
      const actual = await verdict(transportTo(owner), method, owner === "gateway" ? caller.headers : headers);
      const expected = demanded(method, caller);
      if (actual !== expected)
        wrong.push(`${method.parent.typeName}/${method.name} by ${caller.name}: ${actual}, not ${expected}`);
    }
  };
  await Promise.all(Array.from({ length: 24 }, work));
  return { wrong, calls: calls.length };
};

test.each(ways)(
  "every method lets in whom its contract lets in, at the gateway, by %s",
  async (_, open) => {
    const transport = open(mesh.url);
    const { wrong, calls } = await wrongVerdicts(() => transport);
    expect(wrong).toEqual([]);
    expect(calls).toBeGreaterThan(1_000);
  },
  120_000,
);

test.each(ways)(
  "and again at each service, where the gateway is passed by, by %s",
  async (_, open) => {
    const transports = new Map(SERVED.map(([, owner]) => [owner, open(`http://${mesh.addressOf(owner)}`)]));
    const { wrong } = await wrongVerdicts((owner) => transports.get(owner) ?? expect.fail(owner));
    expect(wrong).toEqual([]);
  },
  120_000,
);

test("an override names the operator who made it, and the one who revoked it, by gRPC and by REST", async () => {
  const { operator } = users;
  const contracts = mesh.client(ContractService);
  const request = { package: "customer.v1", reason: "a test" };
  const made = await contracts.createOverride(request, bearer(operator.token));
  const response = await fetch(`${mesh.url}/heddle/v1/overrides`, {
    method: "POST",
    headers: { ...bearer(operator.token).headers, "content-type": "application/json" },
    body: JSON.stringify(request),
  });
  const { override } = (await response.json()) as { override?: { id: string; creator: string } };
  expect([made.override?.creator, override?.creator]).toEqual([operator.userId, operator.userId]);
  for (const overrideId of [made.override?.id, override?.id]) {
    const revoked = await contracts.revokeOverride({ overrideId }, bearer(operator.token));
    expect(revoked.override?.revoker).toBe(operator.userId);
  }
});

test("a route lets in whom the method behind it lets in", async () => {
  const status = async (path: string, token?: string) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const response = await fetch(`${mesh.url}${path}`, { headers });
    return [response.status, response.headers.get("www-authenticate")];
  };
  for (const path of ["/v1/customers", "/v1/customers/cus_00000000000000000000000000", "/heddle/v1/instances"]) {
    expect(await status(path), path).toEqual([401, "Bearer"]);
    expect(await status(path, "x"), path).toEqual([401, 'Bearer error="invalid_token"']);
    expect(await status(path, users.nobody.token), path).toEqual([403, null]);
  }
  expect(await status("/v1/customers", users.operator.token)).toEqual([403, null]);
  expect(await status("/v1/customers", users.clerk.token)).toEqual([200, null]);
  // The gateway's own, which it calls within itself.
  expect(await status("/heddle/v1/instances", users.operator.token)).toEqual([200, null]);
  expect(await status("/.well-known/jwks.json")).toEqual([200, null]);
  expect(await status("/.well-known/jwks.json", "x")).toEqual([200, null]);
});

test("who looked at a number is on record by who they have proven to be", async () => {
  const clerk = bearer(users.clerk.token);
  const request = { givenName: "Ada", familyName: "Lovelace", email: "ada@example.com" };
  const { customer } = await mesh.client(CustomerService).createCustomer(request, clerk);
  const numbers = mesh.client(SocialSecurityService);
  const customerId = customer?.id ?? "";
  await numbers.registerNumber({ customerId, number: "123-45-6789" }, clerk);
  const { accesses } = await numbers.listAccesses({ customerId }, bearer(users.auditor.token));
  expect(accesses.map(({ caller }) => caller)).toEqual([users.clerk.userId]);
});

test("a service cannot register as another", async () => {
  const token = signWorkloadToken(
    { service: "order", instanceId: "ins_x" },
    Buffer.from(IDENTITY_KEY),
    systemClock.nowMs() + 60_000,
  );
  async function* offer() {
    yield {
      body: {
        case: "instance" as const,
        value: {
          instanceId: "ins_x",
          serviceName: "billing",
          version: "1.0.0",
          address: "127.0.0.1:1",
          packages: [{ name: "billing.v1", services: ["billing.v1.BillingService"], contractHash: "0".repeat(64) }],
        },
      },
    };
  }
  const replies = mesh.client(RegistryService).register(offer() as never, { headers: { [IDENTITY_HEADER]: token } });
  const first = (async () => {
    for await (const _ of replies) break;
  })();
  expect(await expectFailure(first)).toMatchObject({ code: "PermissionDenied", reason: "SERVICE_OF_ANOTHER" });
});

test("the whole example runs, its clerk by a token and the services by their names", async () => {
  const people = join(folder, "people.csv");
  writeFileSync(
    people,
    readFileSync(new URL("../examples/people.csv", import.meta.url), "utf8")
      .split("\n")
      .slice(0, 21)
      .join("\n"),
  );
  const script = new URL("../examples/lending.sh", import.meta.url).pathname;
  const env = { ...process.env, HEDDLE_TOKEN: users.operator.token, HEDDLE_CLERK_PASSWORD: "a-loom-has-many-heddles" };
  const run = promisify(execFile)(script, ["--url", mesh.url, "--people", people, "--json"], { env });
  const { problems } = JSON.parse((await run).stdout);
  expect(problems).toEqual([]);
}, 90_000);

test("when auth loses its keys, new tokens are good at once and old ones no more", async () => {
  await mesh.kill("auth", "SIGTERM");
  const database = new Database(join(mesh.dataFolder, "auth", "auth.db"));
  database.exec("DELETE FROM signing_keys");
  database.close();
  await mesh.start("auth");
  const { token } = await users.signIn("clerk@example.com");
  const atDoor = (baseUrl: string, access: string) =>
    createClient(CustomerService, createGrpcTransport({ baseUrl }))
      .listCustomers({ pageSize: 1 }, bearer(access))
      .then(
        () => "in",
        (error: unknown) => expectFailure(Promise.reject(error)).then(({ reason }) => reason),
      );
  for (const door of [mesh.url, `http://${mesh.addressOf("customer")}`]) {
    await expect.poll(() => atDoor(door, token), { timeout: 10_000 }).toBe("in");
    expect(await atDoor(door, users.clerk.token)).toBe("TOKEN_INVALID");
  }
}, 60_000);
