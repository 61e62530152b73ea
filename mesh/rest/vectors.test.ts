import { readFileSync } from "node:fs";
import {
  createRegistry,
  type DescMethod,
  fromJson,
  type JsonValue,
  type Message,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, file_google_rpc_error_details } from "@heddle/contracts/google/rpc";
import { describe, expect, test } from "vitest";
import { fail } from "../contract/fail.ts";
import { type Binding, bindingsOf } from "./binding.ts";
import { compileLibrary } from "./fixtures/compile-library.ts";
import { libraryRegistry, libraryService } from "./fixtures/library-contract.ts";
import { givesRawBody, rawBodyOf } from "./http-body.ts";
import { nearestTemplate } from "./nearest-template.ts";
import { type PathTemplate, parseTemplate, type TemplateSegment } from "./path-template.ts";
import { PATH_UNKNOWN, PATH_UNKNOWN_BUT_NEAR, VERB_NOT_ALLOWED } from "./reasons.ts";
import { replyJson } from "./reply.ts";
import { readRequest } from "./request.ts";
import { parsePath, splitTarget, variableText } from "./request-path.ts";
import { RouteTable } from "./route-table.ts";
import { httpStatusOf, statusHeaders, statusJson } from "./status.ts";
import { streamFormFor } from "./stream-form.ts";

const errorTypes = createRegistry(file_google_rpc_error_details);

/** One case. `source`: where it is written; `note`: what others do, and why we do not. */
interface Vector {
  readonly name: string;
  readonly source: string;
  readonly note?: string;
}

const read = <T>(file: string): readonly (Vector & T)[] =>
  JSON.parse(readFileSync(new URL(`./vectors/${file}.json`, import.meta.url), "utf8"));

const files = ["templates", "routing", "paths", "queries", "bodies", "replies", "statuses", "streams"];

test("there are at least 300 vectors, each of which says where it is from", () => {
  const all = files.flatMap((file) => read(file).map((vector) => ({ file, ...vector })));
  expect(all.length).toBeGreaterThanOrEqual(300);
  expect(all.filter(({ source }) => !source)).toEqual([]);
  expect(new Set(all.map(({ file, name }) => `${file}: ${name}`)).size).toBe(all.length);
});

test("library.binpb is what library.proto says", () => {
  expect(compileLibrary().equals(readFileSync(new URL("./fixtures/library.binpb", import.meta.url)))).toBe(true);
});

describe("templates", () => {
  type Case = { template: string } & (
    | { pattern: string; variables: Record<string, string>; problem?: undefined }
    | { problem: string }
  );
  test.each(read<Case>("templates"))("$name", (vector) => {
    if (vector.problem !== undefined) {
      expect(() => parseTemplate(vector.template)).toThrow(vector.problem);
      return;
    }
    const template = parseTemplate(vector.template);
    expect(patternOf(template)).toBe(vector.pattern);
    const variables = template.variables.map(({ fieldPath, start, end }) => [
      fieldPath.join("."),
      textOf(template.segments.slice(start, end)),
    ]);
    expect(Object.fromEntries(variables)).toEqual(vector.variables);
  });

  const textOf = (segments: readonly TemplateSegment[]) =>
    segments
      .map((segment) => (segment.kind === "literal" ? segment.text : segment.kind === "one" ? "*" : "**"))
      .join("/");
  const patternOf = ({ segments, verb }: PathTemplate) => `/${textOf(segments)}${verb === "" ? "" : `:${verb}`}`;
});

describe("routing", () => {
  type Case = {
    routes: readonly string[];
    request: string;
    to: string | null;
    variables?: Record<string, string>;
    allow?: string;
  };
  test.each(read<Case>("routing"))("$name", ({ routes, request, to, variables, allow }) => {
    const table = new RouteTable<string>();
    for (const route of routes) {
      const [verb = "", template = ""] = route.split(" ");
      expect(table.add({ verb, template: parseTemplate(template), target: route })).toBeUndefined();
    }
    const [verb = "", target = ""] = request.split(" ");
    const path = parsePath(target);
    const match = table.match(verb, path);
    if (to === null) {
      expect(match).toEqual({ allowed: allow?.split(", ") ?? [] });
      return;
    }
    if (!("entry" in match)) expect.fail(`no route; allowed: ${match.allowed}`);
    expect(match.entry.target).toBe(to);
    const { template } = match.entry;
    const texts = template.variables.map((variable) => [
      variable.fieldPath.join("."),
      variableText(variable, template, path),
    ]);
    if (variables !== undefined) expect(Object.fromEntries(texts)).toEqual(variables);
  });
});

const library = libraryService.methods.flatMap((method: DescMethod) => bindingsOf(method, libraryRegistry));
const table = new RouteTable<Binding>();
for (const target of library.flatMap(({ bindings }) => bindings)) {
  const { verb, template } = target;
  const taken = table.add({ verb, template, target });
  if (taken !== undefined) throw new Error(`${verb} ${template.text} is taken by ${taken.template.text}`);
}

test("every binding of the library can be", () => {
  expect(library.flatMap(({ problems }) => problems)).toEqual([]);
});

/** The binding and the message that a request is, as the gateway reads it. */
const transcode = (request: string, body: string | undefined, type: string | undefined) => {
  const [verb = "", ...rest] = request.split(" ");
  const target = splitTarget(rest.join(" "));
  const path = parsePath(target.path);
  const match = table.match(verb, path);
  if ("entry" in match) {
    const binding = match.entry.target;
    const data = new TextEncoder().encode(body ?? "");
    const message = () => readRequest(binding, { path, query: target.query, body: { data, contentType: type } });
    return { binding, message };
  }
  const shown = target.path;
  if (match.allowed.length > 0) throw fail(VERB_NOT_ALLOWED, { path: shown, verb, allowed: match.allowed.join(", ") });
  const nearest = nearestTemplate(
    path,
    library.flatMap(({ bindings }) => bindings.map(({ template }) => template)),
  );
  throw nearest === undefined
    ? fail(PATH_UNKNOWN, { path: shown })
    : fail(PATH_UNKNOWN_BUT_NEAR, { path: shown, nearest });
};

type RequestCase = { request: string; body?: string; type?: string } & (
  | { method: string; message: JsonValue; status?: undefined }
  | { status: number; field?: string; says: string }
);

describe.each(["paths", "queries", "bodies"])("%s", (file) => {
  test.each(read<RequestCase>(file))("$name", (vector) => {
    const { request, body, type } = vector;
    if (vector.status === undefined) {
      const { binding, message } = transcode(request, body, type);
      expect(binding.method.name).toBe(vector.method);
      const { input } = binding.method;
      // Through JSON, so that a double that is no number equals itself.
      expect(toJson(input, message(), { registry: libraryRegistry })).toEqual(vector.message);
      return;
    }
    const error = thrownBy(() => transcode(request, body, type).message());
    expect({ status: httpStatusOf(error), message: error.rawMessage }).toEqual({
      status: vector.status,
      message: expect.stringContaining(vector.says),
    });
    if (vector.field === undefined) return;
    const violations = error.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations);
    expect(violations).toMatchObject([{ field: vector.field, description: expect.stringContaining(vector.says) }]);
  });
});

const thrownBy = (run: () => unknown): ConnectError => {
  try {
    run();
  } catch (error) {
    if (error instanceof ConnectError) return error;
    throw error;
  }
  return expect.fail("nothing was thrown");
};

describe("replies", () => {
  type Case = { request: string; reply: JsonValue } & (
    | { json: JsonValue; type?: undefined }
    | { type: string; text: string }
  );
  test.each(read<Case>("replies"))("$name", (vector) => {
    const { binding } = transcode(vector.request, undefined, undefined);
    const reply: Message = fromJson(binding.method.output, vector.reply, { registry: libraryRegistry });
    expect(givesRawBody(binding)).toBe(vector.type !== undefined);
    if (vector.type === undefined) {
      expect(replyJson(binding, reply)).toEqual(vector.json);
      return;
    }
    const raw = rawBodyOf(binding.method, reply, binding.responseBody);
    expect({ type: raw.contentType, text: new TextDecoder().decode(raw.data) }).toEqual({
      type: vector.type,
      text: vector.text,
    });
  });
});

describe("statuses", () => {
  type Detail = { type: string } & ({ json: JsonValue; bytes?: undefined } | { bytes: string });
  type Case = {
    code: number;
    details?: readonly Detail[];
    status: number;
    json: JsonValue;
    headers?: readonly string[];
  };
  test.each(read<Case>("statuses"))("$name", ({ code, details = [], status, json, headers = [] }) => {
    const error = new ConnectError("no", code);
    error.details = details.map((detail) => ({ type: detail.type, value: bytesOf(detail) }));
    expect(httpStatusOf(error)).toBe(status);
    expect(statusJson(error, libraryRegistry)).toEqual(json);
    expect(statusHeaders(error)).toEqual(headers);
  });

  const bytesOf = (detail: Detail): Uint8Array<ArrayBuffer> => {
    if (detail.bytes !== undefined) return new Uint8Array(Buffer.from(detail.bytes, "base64"));
    const desc = errorTypes.getMessage(detail.type) ?? libraryRegistry.getMessage(detail.type);
    if (desc === undefined) return expect.fail(`${detail.type} is unknown`);
    return new Uint8Array(toBinary(desc, fromJson(desc, detail.json)));
  };
});

describe("streams", () => {
  type Event = { message?: JsonValue; error?: JsonValue; end?: true; keepAlive?: true };
  type Case = { accept?: string; events: readonly Event[]; type: string; text: string };
  test.each(read<Case>("streams"))("$name", ({ accept, events, type, text }) => {
    const form = streamFormFor(accept);
    expect(form.contentType).toBe(type);
    const written = events.map(({ message, error, end, keepAlive }) => {
      if (message !== undefined) return form.message(message);
      if (error !== undefined) return form.error(error);
      return (end ? form.end : keepAlive ? form.keepAlive : undefined) ?? new Uint8Array(0);
    });
    expect(new TextDecoder().decode(Buffer.concat(written))).toBe(text);
  });
});
