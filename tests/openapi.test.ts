import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { Validator as OpenApiValidator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startMesh, type TestMesh } from "./mesh.ts";

// What the gateway says of itself, held against what it does.

const ROOT = resolve(import.meta.dirname, "..");

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly example?: unknown;
}
interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly responses: Record<string, { readonly content: Record<string, { readonly schema: object }> }>;
  readonly "x-heddle-method": string;
}
interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, object> };
}

let mesh: TestMesh;
let whole: Document;
let folder: string;
/** What the generated client has made, and values of further parameters. */
let ids: Record<string, string>;

const documentAt = async (path: string): Promise<Document> => {
  const response = await fetch(`${mesh.url}${path}`);
  expect([path, response.status]).toEqual([path, 200]);
  return (await response.json()) as Document;
};

beforeAll(async () => {
  mesh = await startMesh();
  whole = await documentAt("/openapi.json");
  // Within the repository: the client finds what it imports.
  mkdirSync(join(ROOT, ".heddle"), { recursive: true });
  folder = mkdtempSync(join(ROOT, ".heddle", "openapi-client-"));
  cpSync(join(import.meta.dirname, "openapi-client"), folder, { recursive: true });
  writeFileSync(join(folder, "openapi.json"), JSON.stringify(whole));
  await run("oazapfts", [join(folder, "openapi.json"), join(folder, "api.ts")]);
}, 120_000);
afterAll(async () => {
  if (folder !== undefined) rmSync(folder, { recursive: true });
  await mesh?.stop();
});

/** Not the synchronous kind: connections that the gateway closes meanwhile must be seen to be closed. */
const run = async (program: string, args: readonly string[]): Promise<string> =>
  (await promisify(execFile)(join(ROOT, "node_modules/.bin", program), args, { cwd: ROOT, maxBuffer: 16 << 20 }))
    .stdout;

test("the whole document, and that of each package that runs, is valid OpenAPI 3.1", async () => {
  const { packages } = await packagesThatRun();
  expect(packages).toEqual(
    expect.arrayContaining(["auth.v1", "creditscore.v1", "creditscore.v2", "heddle.registry.v1", "heddle.saga.v1"]),
  );
  for (const path of ["/openapi.json", ...packages.map((name) => `/openapi/${name}.json`)]) {
    const validator = new OpenApiValidator();
    const { valid, errors } = await validator.validate((await documentAt(path)) as never);
    expect([path, valid ? validator.version : errors]).toEqual([path, "3.1"]);
  }
});

test("heddle openapi prints the same", async () => {
  const heddle = (...args: string[]) =>
    run("node", ["--conditions=source", "cli/main.ts", "openapi", ...args, "--gateway", mesh.url]);
  expect(JSON.parse(await heddle())).toEqual(await documentAt("/openapi.json"));
  expect(JSON.parse(await heddle("order.v1"))).toEqual(await documentAt("/openapi/order.v1.json"));
  await expect(heddle("loom.v1")).rejects.toThrow("The mesh serves no package loom.v1.");
});

test("a client that is generated from the document type-checks, and does its work", async () => {
  expect(await typeCheck()).toBe("");
  ids = JSON.parse(await run("node", [join(folder, "consumer.ts"), mesh.url]));
  expect(ids).toMatchObject({
    order_id: expect.stringMatching(/^ord_/),
    authorization_id: expect.stringMatching(/^auz_/),
  });
});

const typeCheck = async (): Promise<string> => {
  try {
    return await run("tsc", ["-p", folder]);
  } catch (error) {
    return String((error as { stdout?: unknown }).stdout);
  }
};

test("what every GET answers is what the document says, and nothing that it does not", async () => {
  const ajv = new Ajv2020({ strict: false, allErrors: true, logger: false });
  addFormats.default(ajv);
  ajv.addSchema({ $id: "document", ...closed(whole) });
  const user = await fetch(`${mesh.url}/v1/users`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email: "grace@example.com", password: "correct horse battery" }),
  }).then((response) => response.json() as Promise<{ user: { id: string } }>);
  const { hash } = await packagesThatRun();
  const values: Record<string, string> = {
    ...ids,
    user_id: user.user.id,
    customer_ids: ids.customer_id ?? "",
    contract_hash: hash,
    package: "order.v1",
    target: "order.v1.OrderService",
  };

  const asked: string[] = [];
  for (const [path, item] of Object.entries(whole.paths)) {
    const content = item.get?.responses["200"]?.content["application/json"];
    if (item.get === undefined || content === undefined) continue;
    const query = new URLSearchParams();
    let target = path;
    for (const parameter of item.get.parameters ?? []) {
      const value = values[parameter.name] ?? String(parameter.example ?? "");
      if (parameter.in === "path") target = target.replace(`{${parameter.name}}`, encodeURIComponent(value));
      else if (parameter.required) query.set(parameter.name, value);
    }
    const response = await fetch(`${mesh.url}${target}?${query}`);
    const json = await response.json();
    expect([target, response.status, json]).toEqual([target, 200, json]);
    const schema = JSON.parse(JSON.stringify(content.schema).replaceAll('"#/components', '"document#/components'));
    const validate = ajv.compile(schema);
    validate(json);
    expect([target, validate.errors]).toEqual([target, null]);
    asked.push(path);
  }
  expect(asked).toEqual(
    expect.arrayContaining(["/v1/orders/{order_id}", "/heddle/v1/services", "/.well-known/jwks.json"]),
  );
}, 60_000);

test("errors look as the document says", async () => {
  const ajv = new Ajv2020({ strict: false, logger: false });
  const validate = ajv.compile(whole.components.schemas["google.rpc.Status"] ?? false);
  for (const path of [`/v1/orders/ord_${"0".repeat(26)}`, "/v1/orders?page_size=none", "/v1/nothing"]) {
    const response = await fetch(`${mesh.url}${path}`);
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect([path, validate(await response.json()), validate.errors]).toEqual([path, true, null]);
  }
});

test("what a path answers that is no method's of REST is documented as the RPC's own", async () => {
  const operation = whole.paths["/heddle.saga.v1.SagaService/ListSagas"]?.post;
  expect(operation?.["x-heddle-method"]).toBe("heddle.saga.v1.SagaService/ListSagas");
  const response = await fetch(`${mesh.url}/heddle.saga.v1.SagaService/GetSaga`, {
    method: "POST",
    headers: { "content-type": "application/json", "heddle-service": "order" },
    body: "{}",
  });
  const error = await response.json();
  const validate = new Ajv2020({ strict: false, logger: false }).compile(
    whole.components.schemas["connect.Error"] ?? false,
  );
  expect([validate(error), validate.errors]).toEqual([true, null]);
});

const packagesThatRun = async (): Promise<{ packages: string[]; hash: string }> => {
  const { instances } = (await fetch(`${mesh.url}/heddle/v1/instances`).then((response) => response.json())) as {
    instances: { packages: { name: string; contractHash: string }[] }[];
  };
  const offers = instances.flatMap(({ packages }) => packages);
  const names = [...new Set([...offers.map(({ name }) => name), "heddle.registry.v1"])];
  return { packages: names, hash: offers[0]?.contractHash ?? "" };
};

/** The document with every object closed: contracts may grow, but what is answered today must be told of today. */
const closed = (document: Document): Document => {
  const copy = structuredClone(document) as Document & {
    components: { schemas: Record<string, Record<string, unknown>> };
  };
  for (const schema of Object.values(copy.components.schemas)) {
    if (schema.properties !== undefined) schema.additionalProperties = false;
  }
  return copy;
};
