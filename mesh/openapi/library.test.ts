import { readFileSync } from "node:fs";
import { fromJson } from "@bufbuild/protobuf";
import { Validator as OpenApiValidator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";
import { libraryRegistry, libraryService } from "../rest/fixtures/library-contract.ts";
import { openApiDocument } from "./document.ts";
import type { JsonObject } from "./json.ts";

// A contract with every kind of field and binding.

const bytes = readFileSync(new URL("../rest/fixtures/library.binpb", import.meta.url));
const library = { name: "library.v1", services: [libraryService], registry: libraryRegistry, bytes };
const document = openApiDocument([library], { title: "library.v1", version: "v1" });

interface Operation {
  readonly summary: string;
  readonly parameters?: readonly { name: string; in: string; description?: string; schema: JsonObject }[];
  readonly requestBody?: { readonly content: Record<string, { schema: JsonObject; example?: unknown }> };
  readonly responses: Record<string, { readonly content: Record<string, { schema: JsonObject }> }>;
}
const paths = document.paths as Record<string, Record<string, Operation>>;
const schemas = (document.components as { schemas: Record<string, { properties: Record<string, JsonObject> }> })
  .schemas;

test("it is valid OpenAPI 3.1", async () => {
  const { valid, errors } = await new OpenApiValidator().validate(structuredClone(document));
  expect([valid, errors]).toEqual([true, undefined]);
});

test("a variable of several segments becomes a parameter for each, named by its collection", () => {
  const { parameters }: Partial<Operation> = paths["/v1/shelves/{shelve}/books/{book}"]?.get ?? {};
  expect(parameters?.filter((one) => one.in === "path").map(({ name, description }) => [name, description])).toEqual([
    ["shelve", "Part of `name = shelves/{shelve}/books/{book}`."],
    ["book", "Part of `name = shelves/{shelve}/books/{book}`."],
  ]);
  expect(Object.keys(paths["/v1/shelves/{shelve}/books/{book}"] ?? {}).sort()).toEqual([
    "delete",
    "get",
    "patch",
    "put",
  ]);
});

test("a variable that takes the rest of a path says so", () => {
  const [path] = paths["/v1/files/{path}"]?.get?.parameters ?? [];
  expect(path).toMatchObject({
    name: "path",
    in: "path",
    description: "Takes all that is left of the path, slashes too.",
  });
});

test("verbs of their own, additional bindings and custom methods have their places", () => {
  expect(Object.keys(paths)).toEqual(
    expect.arrayContaining(["/v1/books:batchGet", "/v1/shelves/{shelve}/books/{book}:move", "/v1/books"]),
  );
  expect(paths["/v1/files/{path}"]?.head?.summary).toBe("StatFile");
});

test("what OpenAPI or REST has no word for is there by its own path", () => {
  // Any verb, and a stream of requests that are not raw.
  for (const name of ["PurgeFile", "Chat"]) {
    expect(Object.keys(paths[`/library.v1.LibraryService/${name}`] ?? {})).toEqual(["post"]);
  }
  expect(Object.keys(paths["/library.v1.LibraryService/Chat"]?.post?.requestBody?.content ?? {})).toEqual([
    "application/connect+json",
  ]);
});

test("raw content is any content", () => {
  expect(paths["/v1/files/{path}:read"]?.get?.responses["200"]?.content).toEqual({
    "*/*": { schema: { type: "string", format: "binary" } },
  });
  expect(Object.keys(paths["/v1/raw"]?.post?.requestBody?.content ?? {})).toEqual(["*/*"]);
  expect(Object.keys(paths["/v1/uploads/{path}"]?.post?.requestBody?.content ?? {})).toEqual(["*/*"]);
});

test("a stream of replies is lines of JSON, or events", () => {
  const content = paths["/v1/shelves/{shelve}:watch"]?.get?.responses["200"]?.content ?? {};
  expect(Object.keys(content)).toEqual(["application/x-ndjson", "text/event-stream"]);
  expect(content["application/x-ndjson"]?.schema.properties).toEqual({
    result: { $ref: "#/components/schemas/library.v1.Shelf" },
    error: { $ref: "#/components/schemas/google.rpc.Status" },
  });
});

test("each kind of field has the type that JSON gives it", () => {
  const kinds = schemas["library.v1.Kinds"]?.properties ?? {};
  const types = Object.fromEntries(Object.entries(kinds).map(([name, schema]) => [name, schema.type ?? schema.$ref]));
  expect(types).toMatchInlineSnapshot(`
    {
      "any": "object",
      "big": "string",
      "bigValue": [
        "string",
        "null",
      ],
      "bigs": "array",
      "choiceInner": "#/components/schemas/library.v1.Kinds",
      "choiceNumber": "integer",
      "choiceText": "string",
      "color": "#/components/schemas/library.v1.Color",
      "colors": "array",
      "data": "string",
      "dataValue": [
        "string",
        "null",
      ],
      "datas": "array",
      "double": [
        "number",
        "string",
      ],
      "doubleValue": [
        "number",
        "string",
        "null",
      ],
      "empty": "object",
      "fixed32": "integer",
      "fixed64": "string",
      "flag": "boolean",
      "flagValue": [
        "boolean",
        "null",
      ],
      "flags": "array",
      "float": [
        "number",
        "string",
      ],
      "floatValue": [
        "number",
        "string",
        "null",
      ],
      "huge": "string",
      "hugeValue": [
        "string",
        "null",
      ],
      "inner": "#/components/schemas/library.v1.Kinds",
      "inners": "array",
      "int32": "integer",
      "int32Value": [
        "integer",
        "null",
      ],
      "labels": "object",
      "listValue": "array",
      "mask": "string",
      "maybe": "integer",
      "numbers": "array",
      "other": "string",
      "sfixed32": "integer",
      "sfixed64": "string",
      "sint32": "integer",
      "sint64": "string",
      "span": "string",
      "struct": "object",
      "text": "string",
      "textValue": [
        "string",
        "null",
      ],
      "textValues": "array",
      "texts": "array",
      "time": "string",
      "times": "array",
      "uint32": "integer",
      "uint32Value": [
        "integer",
        "null",
      ],
      "value": undefined,
    }
  `);
});

test("parameters are the leaves of the request that can be given as text", () => {
  const names = (paths["/v1/kinds"]?.get?.parameters ?? []).map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(["text", "texts", "inner.text", "inner.int32", "time", "maybe"]));
  for (const none of ["labels", "struct", "inners", "inner"]) expect(names).not.toContain(none);
});

test("a field of a oneof that the path decides leaves no choice to the query", () => {
  const names = (paths["/v1/kinds/choice/{choice_text}"]?.get?.parameters ?? []).map(({ name }) => name);
  expect(names.filter((name) => name.startsWith("choice"))).toEqual(["choice_text"]);
});

test("examples of requests are read as messages, and hold by their schemas", () => {
  const ajv = new Ajv2020({ strict: false, logger: false });
  ajv.addSchema({ $id: "document", ...document });
  const input = libraryService.method.ask?.input;
  const { schema, example } = paths["/v1/kinds"]?.post?.requestBody?.content["application/json"] ?? {};
  if (input === undefined) throw new Error("the library has no Ask");
  fromJson(input, example as never, { registry: libraryRegistry });
  const validate = ajv.compile({ $ref: `document${String(schema?.$ref)}` });
  expect([validate(example), validate.errors]).toEqual([true, null]);
});
