import { createPublicKey, type JsonWebKey, verify } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createFileRegistry, type DescMethod, fromBinary, type Registry } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { ContractService } from "@heddle/contracts/heddle/contract/v1";
import { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { TrafficService } from "@heddle/contracts/heddle/traffic/v1";
import { UsageService } from "@heddle/contracts/heddle/usage/v1";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Binding, bindingsOf } from "../mesh/rest/index.ts";
import { startMesh, type TestMesh } from "./mesh.ts";

// REST through the running mesh: every binding of proto/ once, and what people do with it.

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await startMesh();
}, 60_000);
afterAll(() => mesh.stop());

type Json = Record<string, unknown>;

const call = async (request: string, body?: unknown, headers: Record<string, string> = {}) => {
  const [method = "", path = ""] = request.split(" ");
  const response = await fetch(mesh.url + path, {
    method,
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Json };
};
const ok = async <T = Json>(request: string, body?: unknown): Promise<T> => {
  const answer = await call(request, body);
  expect(answer, request).toMatchObject({ status: 200 });
  return answer.body as T;
};

/** The methods of a package, as the gateway hands out its contract. */
const methodsOf = async (name: string): Promise<{ methods: DescMethod[]; registry: Registry }> => {
  const { contract } = await ok<{ contract: { fileDescriptorSet: string } }>(
    `GET /heddle/v1/packages/${name}/contract`,
  );
  const set = fromBinary(FileDescriptorSetSchema, Buffer.from(contract.fileDescriptorSet, "base64"));
  const registry = createFileRegistry(set);
  const services = [...registry].filter((type) => type.kind === "service" && type.file.proto.package === name);
  return { methods: services.flatMap((service) => (service.kind === "service" ? service.methods : [])), registry };
};

const bindings: Binding[] = [];
beforeAll(async () => {
  const { services } = await ok<{ services: { packages: string[] }[] }>("GET /heddle/v1/services");
  for (const name of new Set(services.flatMap(({ packages }) => packages))) {
    const { methods, registry } = await methodsOf(name);
    bindings.push(...methods.flatMap((method) => bindingsOf(method, registry).bindings));
  }
  const none = createFileRegistry();
  const own = [RegistryService, ContractService, UsageService, TrafficService].flatMap(({ methods }) => methods);
  bindings.push(...own.flatMap((method) => bindingsOf(method, none).bindings));
});

test("every binding of proto/ leads to its own method", async () => {
  const protos = readdirSync("proto", { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".proto"));
  const written = protos.flatMap(
    (file) => readFileSync(`proto/${file}`, "utf8").match(/\b(?:get|put|post|delete|patch): "\/.*"/g) ?? [],
  );
  expect(bindings).toHaveLength(written.length);
  for (const { method, verb, template, body } of bindings) {
    const path = template.text.replace(/\{[^}]*\}/g, "nobody");
    const stop = new AbortController();
    const response = await fetch(mesh.url + path, {
      method: verb,
      signal: stop.signal,
      ...(body === undefined ? {} : { body: "{}", headers: { "content-type": "application/json" } }),
    });
    const name = `${verb} ${path}`;
    if (response.status === 200) {
      // A stream may have no end.
      stop.abort();
      continue;
    }
    const { details } = (await response.json()) as { details: readonly Json[] };
    expect(details, name).toContainEqual(expect.objectContaining({ domain: method.parent.file.proto.package }));
    expect([400, 401, 404, 409], name).toContain(response.status);
  }
});

describe("a customer", () => {
  test("is created, read, listed, changed and deleted", async () => {
    const ada = { givenName: "Ada", familyName: "Lovelace", email: "ada@example.com" };
    const { customer } = await ok<{ customer: Json }>("POST /v1/customers", ada);
    expect(customer).toMatchObject({ ...ada, state: "CUSTOMER_STATE_ACTIVE" });
    const path = `/v1/customers/${customer.id}`;
    expect((await ok(`GET ${path}`)).customer).toEqual(customer);
    await ok("POST /v1/customers", { ...ada, email: "ada2@example.com" });
    const page = await ok<{ customers: Json[]; nextPageToken: string }>("GET /v1/customers?page_size=1");
    expect(page.customers).toHaveLength(1);
    const token = encodeURIComponent(page.nextPageToken);
    const next = await ok<{ customers: Json[] }>(`GET /v1/customers?pageSize=1&pageToken=${token}`);
    expect(next.customers[0]?.id).not.toBe(page.customers[0]?.id);
    const renamed = await ok(`PATCH ${path}?update_mask=given_name`, { givenName: "Augusta", familyName: "not named" });
    expect(renamed.customer).toMatchObject({ givenName: "Augusta", familyName: "Lovelace" });
    const found = await ok<{ customers: Json[] }>(`GET /v1/customers:batchGet?customer_ids=${customer.id}`);
    expect(found.customers).toMatchObject([{ givenName: "Augusta" }]);
    await ok(`DELETE ${path}`);
    expect((await ok(`GET ${path}`)).customer).toMatchObject({ state: "CUSTOMER_STATE_DELETED" });
    await ok(`POST ${path}:undelete`, {});
  });

  test("that nobody knows is 404, and one that breaks a rule is 400 with the field", async () => {
    const missing = await call(`GET /v1/customers/cus_${"0".repeat(26)}`);
    expect(missing).toMatchObject({
      status: 404,
      body: { code: 5, details: [{ reason: "CUSTOMER_NOT_FOUND", domain: "customer.v1" }] },
    });
    const wrong = await call("POST /v1/customers", { givenName: "Ada", familyName: "Lovelace", email: "nobody" });
    expect(wrong).toMatchObject({
      status: 400,
      body: { details: [{ reason: "VALIDATION_FAILED" }, { fieldViolations: [{ field: "email" }] }] },
    });
    const misspelled = await call("GET /v1/customers?page_sise=2");
    expect(misspelled).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining("did you mean page_size?") },
    });
  });
});

test("a token is verified by the JSON Web Key Set of the mesh", async () => {
  const login = { email: "ada@example.com", password: "correct horse battery staple" };
  await ok("POST /v1/users", login);
  const session = await ok<{ tokens: { accessToken: string } }>("POST /v1/sessions:login", login);
  const [header = "", payload = "", signature = ""] = session.tokens.accessToken.split(".");
  const { kid } = JSON.parse(Buffer.from(header, "base64url").toString());
  const { keys } = await ok<{ keys: (JsonWebKey & { kid: string })[] }>("GET /.well-known/jwks.json");
  const key = keys.find((candidate) => candidate.kid === kid);
  expect(key).toMatchObject({ kty: "OKP", crv: "Ed25519", alg: "EdDSA", use: "sig" });
  const publicKey = createPublicKey({ key: key as JsonWebKey, format: "jwk" });
  expect(verify(null, Buffer.from(`${header}.${payload}`), publicKey, Buffer.from(signature, "base64url"))).toBe(true);
});

describe("an order", () => {
  const usd = (minorUnits: number) => ({ currencyCode: "USD", minorUnits: String(minorUnits) });

  const cancelled = async () => {
    const email = "grace@example.com";
    const { customer } = await ok<{ customer: Json }>("POST /v1/customers", {
      givenName: "Grace",
      familyName: "H",
      email,
    });
    const record = `/v1/customers/${customer.id}/socialSecurityRecord`;
    await ok(`POST ${record}:register`, { number: "123-45-0001" });
    await ok(`POST ${record}:verify`, { number: "123-45-0001" });
    await ok("POST /v1/accounts", { customerId: customer.id, creditLimit: usd(100_000) });
    const { order } = await ok<{ order: Json }>("POST /v1/orders", {
      customerId: customer.id,
      lines: [{ sku: "LAMP-01", quantity: 2, unitPrice: usd(1995) }],
    });
    await vi.waitFor(async () => {
      const { order: now } = await ok<{ order: Json }>(`POST /v1/orders/${order.id}:cancel`, {});
      expect(now.state).toBe("ORDER_STATE_CANCELLED");
    }, 20_000);
    return String(order.id);
  };

  test("is watched as lines of JSON and as events, from any of its transitions on", async () => {
    const orderId = await cancelled();
    const watch = (query: string, accept: string) =>
      fetch(`${mesh.url}/v1/orders/${orderId}:watch${query}`, { headers: { accept } });
    const lines = await watch("", "*/*");
    expect(lines.headers.get("content-type")).toBe("application/x-ndjson");
    const results = (await lines.text())
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).result);
    expect(results.length).toBeGreaterThanOrEqual(2);
    expect(results.at(-1)).toMatchObject({ order: { id: orderId, state: "ORDER_STATE_CANCELLED" } });
    const after = results.at(-2).transition.sequence;
    const events = await watch(`?after_sequence=${after}`, "text/event-stream");
    expect(events.headers.get("content-type")).toBe("text/event-stream");
    expect(await events.text()).toBe(`data: ${JSON.stringify(results.at(-1))}\n\nevent: end\ndata: {}\n\n`);
  });

  test("that nobody knows is 404 also when it is watched", async () => {
    const { status, body } = await call(`GET /v1/orders/ord_${"0".repeat(26)}:watch`, undefined, {
      accept: "text/event-stream",
    });
    expect({ status, body }).toMatchObject({ status: 404, body: { details: [{ reason: "ORDER_NOT_FOUND" }] } });
  });
});

test("the gateway's own services are called like all others", async () => {
  const { services } = await ok<{ services: Json[] }>("GET /heddle/v1/services");
  expect(services).toContainEqual(expect.objectContaining({ serviceName: "customer", servingCount: 1 }));
  const watch = await fetch(`${mesh.url}/heddle/v1/instances:watch`, { headers: { accept: "text/event-stream" } });
  const reader = watch.body?.pipeThrough(new TextDecoderStream()).getReader();
  expect((await reader?.read())?.value).toMatch(/^data: \{/);
  await reader?.cancel();
});
