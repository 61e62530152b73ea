import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createFileRegistry,
  type DescField,
  type DescMessage,
  type DescMethod,
  type FileRegistry,
  fromBinary,
  getOption,
  hasOption,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema, MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { field as fieldRules } from "@heddle/contracts/buf/validate";
import { FieldBehavior, field_behavior as fieldBehavior, type HttpRule, http } from "@heddle/contracts/google/api";
import { access, cache, event, hedge, timeout } from "@heddle/contracts/heddle/options/v1";
import { beforeAll, expect, test } from "vitest";
import { bindingsOf, RouteTable } from "../mesh/rest/index.ts";
import { ROOT, runToolQuietly } from "./run-tool.ts";
import { fillThirdPartyProtos, THIRD_PARTY_FOLDER } from "./third-party-protos.ts";

// What docs and reviews call the rules of our contracts, as far as buf lint does not check them.

let registry: FileRegistry;
let methods: DescMethod[];
let messages: DescMessage[];

beforeAll(() => {
  fillThirdPartyProtos(join(ROOT, THIRD_PARTY_FOLDER));
  const folder = mkdtempSync(join(tmpdir(), "heddle-contracts-"));
  try {
    const image = join(folder, "image.binpb");
    const built = runToolQuietly("buf", ["build", "proto", "--as-file-descriptor-set", "--output", image], ROOT);
    expect(built.stderr).toBe("");
    registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(image)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const ours = [...registry].filter((type) => !/^(google|buf|grpc)\//.test(type.file.name));
  methods = ours.filter((type) => type.kind === "service").flatMap((service) => service.methods);
  messages = ours.filter((type) => type.kind === "message");
});

const nameOf = (method: DescMethod) => `${method.parent.typeName}/${method.name}`;
const isRead = (method: DescMethod) => method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;

test("every method says its deadline and who may call it", () => {
  expect(methods.length).toBeGreaterThan(40);
  for (const method of methods) {
    expect(hasOption(method, timeout), nameOf(method)).toBe(true);
    const { public: everyone, roles, services } = getOption(method, access);
    expect(everyone || roles.length + services.length > 0, nameOf(method)).toBe(true);
  }
});

test("a deadline without a cap is for streams alone", () => {
  const uncapped = methods.filter((method) => getOption(method, timeout).seconds === 0n);
  expect(uncapped.filter((method) => method.methodKind === "unary").map(nameOf)).toEqual([]);
});

test("methods that are named as reads are free of side effects, except those that make a credit score", () => {
  const reads = methods.filter((method) => /^(Get|List|BatchGet|Watch|Subscribe)/.test(method.name));
  expect(reads.filter((method) => !isRead(method)).map(nameOf)).toEqual([
    "creditscore.v1.CreditScoreService/GetCreditScore",
    "creditscore.v2.CreditScoreService/GetCreditScore",
  ]);
});

test("a unary write is idempotent, takes a request_id, or says why it does neither", () => {
  const unprotected = methods.filter(
    (method) =>
      method.methodKind === "unary" &&
      method.idempotency === MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN &&
      method.input.field.requestId === undefined,
  );
  // A recorded reply of these would hold a token or a number in full.
  expect(unprotected.map(nameOf)).toEqual([
    "auth.v1.AuthService/Login",
    "auth.v1.AuthService/RefreshSession",
    "socialsecurity.v1.SocialSecurityService/RevealNumber",
  ]);
});

test("hedges are on idempotent methods, caches on those without side effects", () => {
  for (const method of methods) {
    const level = method.idempotency;
    if (hasOption(method, hedge)) expect(level, nameOf(method)).not.toBe(0);
    if (hasOption(method, cache)) expect(isRead(method), nameOf(method)).toBe(true);
  }
});

test("every method that a person may call over REST has a binding of its own, whose variables are its fields", () => {
  for (const method of methods) {
    // Feeds and sagas are served by many services under one name, and the door of an instance is a stream both ways.
    if (/^heddle\.(events|saga)\./.test(method.parent.typeName) || method.methodKind === "bidi_streaming") continue;
    expect(hasOption(method, http), nameOf(method)).toBe(true);
    const first = getOption(method, http);
    for (const rule of [first, ...first.additionalBindings]) {
      const path = String(rule.pattern.value);
      expectVersionOfPackage(method, path);
      expectVariablesAreFields(method, rule);
    }
  }
});

test("every binding is one that the gateway can serve, and no two want one path", () => {
  const table = new RouteTable<string>();
  for (const method of methods) {
    const { bindings, problems } = bindingsOf(method, registry);
    expect(problems).toEqual([]);
    for (const { verb, template } of bindings) {
      expect(table.add({ verb, template, target: nameOf(method) }), nameOf(method)).toBeUndefined();
    }
  }
});

test("every string, list, enum and number of a request is bounded", () => {
  const unbounded = requestMessages().flatMap((message) =>
    message.fields.filter((field) => !isBounded(field)).map((field) => `${message.typeName}.${field.name}`),
  );
  expect(unbounded).toEqual([]);
});

test("a list takes page_size and page_token and gives next_page_token", () => {
  for (const method of methods.filter(({ name }) => name.startsWith("List"))) {
    expect(Object.keys(method.input.field), nameOf(method)).toEqual(expect.arrayContaining(["pageSize", "pageToken"]));
    expect(Object.keys(method.output.field), nameOf(method)).toContain("nextPageToken");
  }
});

test("every event names a key that leads to a string", () => {
  const events = messages.filter((message) => hasOption(message, event));
  expect(events.length).toBeGreaterThan(20);
  expect(events.map((message) => message.file.name).filter((file) => !file.endsWith("_events"))).toEqual([]);
  for (const message of events) {
    const leaf = fieldAt(message, getOption(message, event).key);
    expect(leaf?.fieldKind === "scalar" && leaf.scalar === 9, message.typeName).toBe(true);
  }
});

test("a version of a package does not import another version of it", () => {
  for (const { file } of messages) {
    const [, domain] = /^(.*)\/v[0-9]+\//.exec(file.name) ?? [];
    const siblings = file.dependencies.filter((other) => other.name.startsWith(`${domain}/v`));
    for (const other of siblings) expect(other.proto.package, file.name).toBe(file.proto.package);
  }
});

function expectVersionOfPackage(method: DescMethod, path: string): void {
  if (path.startsWith("/.well-known/")) return;
  const version = /\.(v[0-9]+)\./.exec(method.parent.typeName)?.[1];
  const prefix = method.parent.typeName.startsWith("heddle.") ? "/heddle" : "";
  expect(path.startsWith(`${prefix}/${version}/`), `${path} of ${nameOf(method)}`).toBe(true);
}

function expectVariablesAreFields(method: DescMethod, rule: HttpRule): void {
  for (const [, variable = ""] of String(rule.pattern.value).matchAll(/\{([^}=]+)/g)) {
    expect(fieldAt(method.input, variable)?.fieldKind, `{${variable}} of ${nameOf(method)}`).toBe("scalar");
  }
}

function fieldAt(message: DescMessage, path: string): DescField | undefined {
  const [name, ...rest] = path.split(".");
  const field = message.fields.find((candidate) => candidate.name === name);
  if (rest.length === 0 || field?.message === undefined) return rest.length === 0 ? field : undefined;
  return fieldAt(field.message, rest.join("."));
}

/** The requests, and the messages of ours within them. */
function requestMessages(): DescMessage[] {
  const found = new Set<DescMessage>();
  const visit = (message: DescMessage): void => {
    if (found.has(message) || message.file.name.startsWith("google/")) return;
    found.add(message);
    for (const field of message.fields) if (field.message !== undefined) visit(field.message);
  };
  for (const method of methods) visit(method.input);
  return [...found];
}

function isBounded(field: DescField): boolean {
  // What a caller cannot set needs no bound: the runtime ignores it.
  if (isOutputOnly(field)) return true;
  const rule = getOption(field, fieldRules).type;
  const scalar = field.fieldKind === "list" ? field.listKind === "scalar" : field.fieldKind === "scalar";
  if (field.fieldKind === "list") return rule.case === "repeated" && rule.value.maxItems > 0n;
  if (field.fieldKind === "enum") return rule.case === "enum" && rule.value.definedOnly;
  if (!scalar || field.scalar === 8) return true;
  if (rule.case === "string") {
    const { maxLen, pattern, wellKnown } = rule.value;
    return maxLen > 0n || /\$$/.test(pattern) || wellKnown.case === "uuid";
  }
  if (rule.case === "bytes") return rule.value.maxLen > 0n;
  return rule.case !== undefined;
}

function isOutputOnly(field: DescField): boolean {
  return getOption(field, fieldBehavior).includes(FieldBehavior.OUTPUT_ONLY);
}
