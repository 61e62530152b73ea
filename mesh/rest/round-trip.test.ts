import { create, type DescMethod, equals, fromJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@heddle/contracts/google/rpc";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Binding, bindingsOf } from "./binding.ts";
import { encodeRequest } from "./fixtures/encode-request.ts";
import { libraryRegistry, libraryService } from "./fixtures/library-contract.ts";
import { readRequest } from "./request.ts";
import { parsePath } from "./request-path.ts";
import { RouteTable } from "./route-table.ts";

const table = new RouteTable<Binding>();
const all = libraryService.methods.flatMap((method: DescMethod) => bindingsOf(method, libraryRegistry).bindings);
for (const target of all) table.add({ verb: target.verb, template: target.template, target });

const bindingAt = (verb: string, template: string): Binding =>
  all.find((binding) => binding.verb === verb && binding.template.text === template) ?? expect.fail(template);

/** What the gateway makes of a request that a client has made of a message. */
const roundTrip = (binding: Binding, json: JsonValue) => {
  const sent = fromJson(binding.method.input, json, { registry: libraryRegistry });
  const { path, query, body } = encodeRequest(binding, sent);
  const parsed = parsePath(path);
  const match = table.match(binding.verb, parsed);
  if (!("entry" in match)) expect.fail(`${path} leads nowhere`);
  expect(match.entry.target).toBe(binding);
  const data = new TextEncoder().encode(body);
  const read = readRequest(binding, { path: parsed, query, body: { data, contentType: "application/json" } });
  if (!equals(binding.method.input, sent, read, { registry: libraryRegistry })) expect(read).toEqual(sent);
};

const text = fc.string({ unit: "grapheme", maxLength: 12 });
const whole = (bits: 32 | 64, isSigned: boolean) =>
  fc
    .bigInt(isSigned ? -(2n ** BigInt(bits - 1)) : 0n, isSigned ? 2n ** BigInt(bits - 1) - 1n : 2n ** BigInt(bits) - 1n)
    .map((value): JsonValue => (bits === 32 ? Number(value) : String(value)));
const bytes = fc.uint8Array({ maxLength: 8 }).map((value) => Buffer.from(value).toString("base64"));
const double = fc.oneof(
  fc.double({ noDefaultInfinity: true, noNaN: true }).map((value) => (value === 0 ? 0 : value)),
  fc.constantFrom("NaN", "Infinity", "-Infinity"),
);
const float = fc.float({ noDefaultInfinity: true, noNaN: true }).map((value) => (value === 0 ? 0 : value));
const color = fc.constantFrom("COLOR_RED", "COLOR_BLUE", "COLOR_COLD", 99);
const time = fc
  .date({ min: new Date("0001-01-01T00:00:00Z"), max: new Date("9999-12-31T23:59:59Z"), noInvalidDate: true })
  .map((date) => date.toISOString());
const span = fc.integer({ min: -1_000_000, max: 1_000_000 }).map((ms) => `${ms / 1_000}s`);

/** Fields that parameters can give. */
const parameters: Record<string, fc.Arbitrary<JsonValue>> = {
  text,
  flag: fc.boolean(),
  int32: whole(32, true),
  big: whole(64, true),
  uint32: whole(32, false),
  huge: whole(64, false),
  sint32: whole(32, true),
  sint64: whole(64, true),
  fixed32: whole(32, false),
  fixed64: whole(64, false),
  sfixed32: whole(32, true),
  sfixed64: whole(64, true),
  float,
  double,
  data: bytes,
  color,
  maybe: whole(32, true),
  texts: fc.array(text, { maxLength: 3 }),
  numbers: fc.array(whole(32, true), { maxLength: 3 }),
  colors: fc.array(color, { maxLength: 3 }),
  datas: fc.array(bytes, { maxLength: 3 }),
  flags: fc.array(fc.boolean(), { maxLength: 3 }),
  bigs: fc.array(whole(64, true), { maxLength: 3 }),
  time,
  span,
  mask: fc.constantFrom("", "bigValue", "text,inner.bigValue"),
  textValue: text,
  flagValue: fc.boolean(),
  int32Value: whole(32, true),
  bigValue: whole(64, true),
  uint32Value: whole(32, false),
  hugeValue: whole(64, false),
  floatValue: float,
  doubleValue: double,
  dataValue: bytes,
  other: text,
};
/** And those that only a body can. */
const others: Record<string, fc.Arbitrary<JsonValue>> = {
  labels: fc
    .dictionary(text, text, { maxKeys: 3, noNullPrototype: true })
    .filter((labels) => !Object.hasOwn(labels, "__proto__")),
  times: fc.array(time, { maxLength: 2 }),
  value: fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as JsonValue),
  textValues: fc.array(text, { maxLength: 2 }),
};
const choice = fc.oneof(
  fc.constant({}),
  text.map((choiceText) => ({ choiceText })),
  whole(32, true).map((choiceNumber) => ({ choiceNumber })),
);
const kinds = (fields: Record<string, fc.Arbitrary<JsonValue>>): fc.Arbitrary<JsonObject> =>
  fc.tuple(fc.record(fields, { requiredKeys: [] }), choice).map(([record, member]) => ({ ...record, ...member }));
/** A message in a message is there in a query when one of its fields is. */
const withInner = (message: fc.Arbitrary<JsonObject>, inner: fc.Arbitrary<JsonObject>) =>
  fc.tuple(message, inner).map(([outer, value]) => (isEmpty(value) ? outer : { ...outer, inner: value }));
const isEmpty = (json: JsonObject) =>
  equals(ask.method.input, fromJson(ask.method.input, json, { registry: libraryRegistry }), create(ask.method.input));

const ask = bindingAt("GET", "/v1/kinds");
const runs = { numRuns: 400 };

test("any message goes through a query and comes out the same", () => {
  fc.assert(
    fc.property(withInner(kinds(parameters), kinds(parameters)), (json) => roundTrip(ask, json)),
    runs,
  );
});

test("any message goes through a body and comes out the same", () => {
  const post = bindingAt("POST", "/v1/kinds");
  const message = kinds({ ...parameters, ...others });
  fc.assert(
    fc.property(withInner(message, message), (json) => roundTrip(post, json)),
    runs,
  );
});

test("any message goes through a body and a query and comes out the same", () => {
  const post = bindingAt("POST", "/v1/kinds:inner");
  fc.assert(
    fc.property(withInner(kinds(parameters), kinds({ ...parameters, ...others })), (json) => roundTrip(post, json)),
    runs,
  );
});

test("any text goes through one segment of a path, and a query beside it, and comes out the same", () => {
  const get = bindingAt("GET", "/v1/kinds/text/{text}");
  const segment = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(kinds(parameters), segment, (json, value) => roundTrip(get, { ...json, text: value })),
    runs,
  );
});

test("any text goes through the rest of a path and comes out the same, but for a %2F in it", () => {
  const get = bindingAt("GET", "/v1/files/{path=**}");
  const path = fc.string({ unit: "grapheme", maxLength: 20 }).filter((value) => !/%2f/i.test(value));
  fc.assert(
    fc.property(path, (value) => roundTrip(get, { path: value })),
    runs,
  );
});

test("whatever a path, a query and a body say, the answer is a message or an error with a reason", () => {
  const noise = fc.oneof(
    fc.string({ unit: "binary-ascii", maxLength: 30 }),
    fc
      .array(fc.constantFrom("inner", ".", "text", "=", "&", "%2F", "%", "choice_text", "[", "1", "+"), {
        maxLength: 12,
      })
      .map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(noise, noise, noise, fc.constantFrom(...all), (path, query, body, binding) => {
      const data = new TextEncoder().encode(body);
      try {
        const parsed = parsePath(`/${path}`);
        table.match("GET", parsed);
        readRequest(binding, { path: parsed, query, body: { data, contentType: "application/json" } });
      } catch (error) {
        if (!(error instanceof ConnectError)) throw error;
        expect(error.findDetails(ErrorInfoSchema)).toHaveLength(1);
      }
    }),
    { numRuns: 2_000 },
  );
});
