import { createFileRegistry, type FileRegistry, type Message, toJsonString } from "@bufbuild/protobuf";
import { AnySchema, anyPack, TimestampSchema, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { EventFeedService } from "@heddle/contracts/heddle/events/v1";
import { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { expect, test } from "vitest";
import { requestsOf } from "./call-request.ts";
import type { Reflection } from "./reflect.ts";
import { withAnyTypes } from "./reflect-any.ts";

const { createCustomer } = CustomerService.method;

/** A mesh that knows Timestamp, once it is asked for. */
const fakeReflection = (): Reflection & { readonly asked: string[] } => {
  const asked: string[] = [];
  let registry: FileRegistry = createFileRegistry();
  return {
    gateway: "http://mesh",
    asked,
    services: async () => [],
    async load(symbols) {
      asked.push(...symbols);
      if (!symbols.includes(TimestampSchema.typeName)) return symbols;
      registry = createFileRegistry(TimestampSchema.file.proto, () => undefined);
      return [];
    },
    registry: () => registry,
  };
};

async function* each(...values: string[]): AsyncGenerator<string> {
  yield* values;
}

const collect = async (messages: AsyncIterable<Message>): Promise<Message[]> => {
  const all: Message[] = [];
  for await (const message of messages) all.push(message);
  return all;
};

test("without values a method gets one empty message, and a client stream none", async () => {
  const reflection = fakeReflection();
  expect(await collect(await requestsOf(reflection, createCustomer, undefined))).toHaveLength(1);
  expect(await collect(await requestsOf(reflection, RegistryService.method.register, undefined))).toEqual([]);
});

test("a 64-bit integer keeps every digit, or is refused", async () => {
  const { subscribe } = EventFeedService.method;
  const parse = async (json: string) => collect(await requestsOf(fakeReflection(), subscribe, each(json)));
  expect(await parse('{"afterSequence": "9007199254740993"}')).toMatchObject([{ afterSequence: 9007199254740993n }]);
  expect(await parse('{"afterSequence": 9007199254740992}')).toMatchObject([{ afterSequence: 9007199254740992n }]);
  await expect(parse('{"subscriber": "\\"1", "afterSequence": 9007199254740993}')).rejects.toMatchObject({
    exitCode: 2,
    message: "The request holds 9007199254740993, which has more digits than a number of JSON keeps.",
  });
  const quoted = '{"subscriber": "\\"9007199254740993 "}';
  expect(await parse(quoted)).toMatchObject([{ subscriber: '"9007199254740993 ' }]);
});

test.each([
  ['{"emial": "x"}', "emial is not a field of customer.v1.CreateCustomerRequest (did you mean email?)"],
  ['{"givenName": 5}', "given_name must be a string"],
  ['{"email"', "its JSON is broken"],
])("%s is refused by what is wrong with it", async (json, problem) => {
  const refused = requestsOf(fakeReflection(), createCustomer, each(json));
  await expect(refused).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining(problem) });
});

test("a method that takes one message refuses none and two", async () => {
  for (const [values, count] of [
    [[], "none"],
    [["{}", "{}"], "2"],
  ] as const) {
    const refused = requestsOf(fakeReflection(), createCustomer, each(...values));
    await expect(refused).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining(`-d holds ${count}`) });
  }
});

test("the type of an Any is asked for when it is met", async () => {
  const reflection = fakeReflection();
  const payload = anyPack(TimestampSchema, timestampFromMs(0));
  const json = await withAnyTypes(reflection, (registry) => toJsonString(AnySchema, payload, { registry }));
  expect(JSON.parse(json)).toEqual({
    "@type": "type.googleapis.com/google.protobuf.Timestamp",
    value: "1970-01-01T00:00:00Z",
  });
  expect(reflection.asked).toEqual(["google.protobuf.Timestamp"]);
});

test("an Any whose type nobody knows is refused by name", async () => {
  const unknown = { ...anyPack(TimestampSchema, timestampFromMs(0)), typeUrl: "type.googleapis.com/shop.v1.Sold" };
  const refused = withAnyTypes(fakeReflection(), (registry) => toJsonString(AnySchema, unknown, { registry }));
  await expect(refused).rejects.toThrow("knows no shop.v1.Sold");
});
