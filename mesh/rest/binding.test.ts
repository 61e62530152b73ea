import { create, createFileRegistry, type DescMethod, type MessageInitShape, setExtension } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema, MethodOptionsSchema } from "@bufbuild/protobuf/wkt";
import { HttpRuleSchema, http } from "@heddle/contracts/google/api";
import { expect, test } from "vitest";
import { type Bindings, bindingsOf } from "./binding.ts";
import { libraryRegistry } from "./fixtures/library-contract.ts";

type RuleInit = Exclude<MessageInitShape<typeof HttpRuleSchema>, { $typeName: string }>;

/** The bindings of a method that takes and gives a `library.v1.Kinds`. */
const bind = (rule: RuleInit | undefined): Bindings => {
  const options = create(MethodOptionsSchema);
  if (rule !== undefined) setExtension(options, http, create(HttpRuleSchema, rule));
  const types = { inputType: ".library.v1.Kinds", outputType: ".library.v1.Kinds" };
  const file = create(FileDescriptorProtoSchema, {
    name: "reader.proto",
    package: "reader.v1",
    syntax: "proto3",
    dependency: ["library.proto"],
    service: [{ name: "ReaderService", method: [{ name: "Read", ...types, options }] }],
  });
  const known = [...libraryRegistry.files].map(({ proto }) => proto);
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [...known, file] }));
  const method = registry.getService("reader.v1.ReaderService")?.methods[0];
  return bindingsOf(method as DescMethod, registry);
};
const get = (path: string): RuleInit => ({ pattern: { case: "get", value: path } });

test("a method without the option has no binding", () => {
  expect(bind(undefined)).toEqual({ bindings: [], problems: [] });
});

test("a method has its binding and the additional ones, in their order", () => {
  const { bindings, problems } = bind({
    pattern: { case: "post", value: "/a/{inner.text}" },
    body: "*",
    additionalBindings: [
      { pattern: { case: "custom", value: { kind: "PURGE", path: "/b" } }, responseBody: "texts" },
      { pattern: { case: "put", value: "/c" }, body: "inner" },
    ],
  });
  expect(problems).toEqual([]);
  const read = bindings.map(({ verb, template, body, responseBody, variables }) => [
    `${verb} ${template.text}`,
    typeof body === "object" ? body.name : body,
    responseBody?.name,
    variables.map(({ fields }) => fields.map(({ name }) => name).join(".")),
  ]);
  expect(read).toEqual([
    ["POST /a/{inner.text}", "all", undefined, ["inner.text"]],
    ["PURGE /b", undefined, "texts", []],
    ["PUT /c", "inner", undefined, []],
  ]);
});

test.each<[problem: string, rule: RuleInit]>([
  ["names no path", {}],
  ["the leading / is missing", get("a")],
  ['the variable nothing of "/{nothing}" is no field of library.v1.Kinds', get("/{nothing}")],
  ["is no field of library.v1.Kinds", get("/{inner.nothing}")],
  ["is no field of library.v1.Kinds", get("/{bigValue}")],
  ["is a list", get("/{texts}")],
  ["is a list", get("/{inners}")],
  ["is a map", get("/{labels}")],
  ["is a message", get("/{inner}")],
  ["is a google.protobuf.Struct", get("/{struct}")],
  ["is a google.protobuf.Any", get("/{any}")],
  ["goes through inners, which is no single message", get("/{inners.text}")],
  ["goes through labels", get("/{labels.a}")],
  ["goes through text", get("/{text.x}")],
  ["goes through time", get("/{time.seconds}")],
  ["goes through struct", get("/{struct.fields}")],
  ["body names nothing, which is no field", { ...get("/a"), body: "nothing" }],
  ["body names inner.text, which is no field", { ...get("/a"), body: "inner.text" }],
  ["body names **", { ...get("/a"), body: "**" }],
  ["response_body names nothing", { ...get("/a"), responseBody: "nothing" }],
  ["response_body names *", { ...get("/a"), responseBody: "*" }],
  ['"two words" is no HTTP method', { pattern: { case: "custom", value: { kind: "two words", path: "/a" } } }],
  ['"" is no HTTP method', { pattern: { case: "custom", value: { kind: "", path: "/a" } } }],
])("a binding that cannot be is left out: %s", (problem, rule) => {
  const { bindings, problems } = bind({ ...rule, additionalBindings: [get("/stands")] });
  expect(problems).toEqual([expect.stringContaining(problem)]);
  expect(problems[0]).toMatch(/^reader\.v1\.ReaderService\/Read: /);
  expect(bindings.map(({ template }) => template.text)).toEqual(["/stands"]);
});

test("additional bindings have none of their own", () => {
  const { bindings, problems } = bind({
    ...get("/a"),
    additionalBindings: [{ ...get("/b"), additionalBindings: [get("/c")] }],
  });
  expect(problems).toEqual([expect.stringContaining("additional_bindings within additional_bindings")]);
  expect(bindings.map(({ template }) => template.text)).toEqual(["/a", "/b"]);
});
