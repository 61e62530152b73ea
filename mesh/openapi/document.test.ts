import { create, type DescMessage, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { createValidator } from "@bufbuild/protovalidate";
import { Validator as OpenApiValidator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { expect, test } from "vitest";
import { openApiDocument } from "./document.ts";
import { ownPackages } from "./fixtures/own-packages.ts";
import type { JsonObject } from "./json.ts";

const info = { title: "Heddle", version: "1" };
const whole = openApiDocument(ownPackages, info);

const problemsOf = async (document: JsonObject) => {
  const validator = new OpenApiValidator();
  const { valid, errors } = await validator.validate(structuredClone(document));
  return valid ? validator.version : errors;
};

test("the document of all packages is valid OpenAPI 3.1", async () => {
  expect(await problemsOf(whole)).toBe("3.1");
});

test.each(ownPackages.map((one) => [one.name, one] as const))(
  "the document of %s is valid OpenAPI 3.1",
  async (_, one) => {
    expect(await problemsOf(openApiDocument([one], info))).toBe("3.1");
  },
);

test("the document of the same packages is the same", () => {
  expect(JSON.stringify(openApiDocument(ownPackages, info))).toBe(JSON.stringify(whole));
});

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { name: string; in: string; example?: unknown; schema: JsonObject }[];
  readonly requestBody?: { readonly content: Record<string, { schema: JsonObject; example?: unknown }> };
  readonly responses: Record<string, { readonly content: Record<string, { schema: JsonObject; example?: unknown }> }>;
  readonly "x-heddle-method": string;
}
const operations = Object.entries(whole.paths as Record<string, Record<string, Operation>>).flatMap(([path, item]) =>
  Object.entries(item).map(([verb, operation]) => ({ path, verb, operation, name: `${verb.toUpperCase()} ${path}` })),
);

test("every method of every package is there, and every operation has an id of its own", () => {
  const methods = ownPackages.flatMap(({ services }) => services.flatMap((service) => service.methods));
  const names = methods.map((method) => `${method.parent.typeName}/${method.name}`);
  expect(new Set(operations.map(({ operation }) => operation["x-heddle-method"]))).toEqual(new Set(names));
  const ids = operations.map(({ operation }) => operation.operationId);
  expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
});

const ajv = new Ajv2020({ strict: false, allErrors: true, logger: false });
addFormats.default(ajv);
ajv.addSchema({ $id: "document", ...whole });
/** What is wrong with a value by a schema of the document. */
const mistakes = (schema: JsonObject, value: unknown) => {
  const here = JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"document#/components'));
  const validate = ajv.compile(here);
  return validate(value) ? [] : validate.errors;
};

test("every example holds by its schema", () => {
  const wrong = operations.flatMap(({ name, operation }) => {
    const contents = [operation.requestBody, ...Object.values(operation.responses)].flatMap((part) =>
      Object.values(part?.content ?? {}),
    );
    const all = [...contents, ...(operation.parameters ?? [])].filter(({ example }) => example !== undefined);
    return all.flatMap(({ schema, example }) => {
      const found = mistakes(schema, example) ?? [];
      return found.length === 0 ? [] : [{ name, example, found }];
    });
  });
  expect(wrong).toEqual([]);
});

const { validate } = createValidator();
const requests = ownPackages.flatMap(({ services, registry }) =>
  services.flatMap((service) => service.methods.map((method) => ({ method, registry }))),
);

test("every example of a request keeps the rules of its contract", () => {
  const wrong = operations.flatMap(({ name, operation }) => {
    const found = requests.find(
      ({ method }) => `${method.parent.typeName}/${method.name}` === operation["x-heddle-method"],
    );
    const example = operation.requestBody?.content["application/json"]?.example;
    if (found === undefined || operation.requestBody?.content["application/json"] === undefined) return [];
    const given = Object.assign(
      {},
      ...(operation.parameters ?? [])
        .filter((one) => one.example !== undefined && one.in === "path")
        .map((one) => ({ [one.name]: one.example })),
    );
    // UpdateCustomer alone takes a field of a resource from the path, and the resource as its body.
    const isResource = operation["x-heddle-method"] === "customer.v1.CustomerService/UpdateCustomer";
    const json = isResource
      ? { customer: { ...(example as object), id: `cus_${"0".repeat(26)}` } }
      : { ...(example as object), ...given };
    const message = fromJson(found.method.input, json as JsonValue, { registry: found.registry });
    const result = validate(found.method.input as DescMessage, message);
    return result.kind === "valid" ? [] : [{ name, json, result: result.error?.message }];
  });
  expect(wrong).toEqual([]);
});

test("what is required is exactly what an empty request is refused for", () => {
  const components = (whole.components as { schemas: Record<string, { required?: string[] }> }).schemas;
  for (const { method } of requests) {
    const result = validate(method.input as DescMessage, create(method.input));
    const missing = (result.violations ?? []).flatMap(({ field }) =>
      field.length === 1 && field[0]?.kind === "field" ? [field[0].jsonName] : [],
    );
    const documented = new Set(components[method.input.typeName]?.required ?? []);
    if (components[method.input.typeName] !== undefined) {
      expect([method.input.typeName, missing.filter((name) => !documented.has(name))]).toEqual([
        method.input.typeName,
        [],
      ]);
    }
  }
});
