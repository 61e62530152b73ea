import { create, type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import * as billing from "@heddle/contracts/billing/v1";
import * as customer from "@heddle/contracts/customer/v1";
import * as registry from "@heddle/contracts/heddle/registry/v1";
import * as usage from "@heddle/contracts/heddle/usage/v1";
import * as order from "@heddle/contracts/order/v1";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { arbitraryMessage } from "../rpc/codec/fixtures/arbitrary-message.ts";
import { everyKind } from "../rpc/codec/fixtures/every-kind.ts";
import { SAMPLE_DEPTH_MAX } from "./limits.ts";
import { scanFields } from "./scan-fields.ts";

const isSchema = (value: unknown): value is DescMessage =>
  typeof value === "object" && value !== null && "kind" in value && value.kind === "message";
const contracts = [billing, customer, registry, usage, order].flatMap((module) =>
  (Object.values(module) as unknown[]).filter(isSchema),
);
const all = [...contracts, ...everyKind].map((schema) => [schema.typeName, schema] as const);

/** What protobuf-es says is set, message by message. */
const setByDecoding = (schema: DescMessage, bytes: Uint8Array): string[] => {
  const found = new Set<string>();
  const walk = (message: ReflectMessage, depth: number) => {
    const into = (value: unknown) => {
      const nested = value as ReflectMessage;
      if (depth > 1 && !nested.desc.typeName.startsWith("google.protobuf.")) walk(nested, depth - 1);
    };
    // Values that an enum does not have are kept beside the fields, and were set all the same.
    const unknown = new Set(message.message.$unknown?.map(({ no }) => no));
    for (const field of message.fields) {
      if (message.isSet(field) || unknown.has(field.number)) found.add(`${message.desc.typeName} ${field.number}`);
      if (!message.isSet(field) || field.message === undefined) continue;
      if (field.fieldKind === "message") into(message.get(field));
      else if (field.fieldKind === "list") for (const item of message.get(field) as Iterable<unknown>) into(item);
      // An entry of a map is a message of its own.
      else if (field.fieldKind === "map" && depth > 2) {
        const values = [...(message.get(field) as Iterable<[unknown, unknown]>)].map(([, value]) => value);
        for (const value of values as ReflectMessage[])
          if (!value.desc.typeName.startsWith("google.protobuf.")) walk(value, depth - 2);
      }
    }
  };
  walk(reflect(schema, fromBinary(schema, bytes)), SAMPLE_DEPTH_MAX);
  return [...found].sort();
};

const setByScanning = (schema: DescMessage, bytes: Uint8Array): string[] | undefined => {
  const found = scanFields(schema, bytes);
  return found && [...found].map(({ message, number }) => `${message} ${number}`).sort();
};

/** A message in its canonical bytes, or undefined where an unknown field made it one that cannot be decoded. */
const canonical = (schema: DescMessage, message: Message): Uint8Array | undefined => {
  try {
    return toBinary(schema, fromBinary(schema, toBinary(schema, message)));
  } catch {
    return undefined;
  }
};

test.each(all)("finds in any %s what decoding it finds", (_, schema) => {
  fc.assert(
    fc.property(arbitraryMessage(schema, { depth: 4, invalid: false }), (message) => {
      const bytes = canonical(schema, message);
      fc.pre(bytes !== undefined);
      expect(setByScanning(schema, bytes as Uint8Array)).toEqual(setByDecoding(schema, bytes as Uint8Array));
    }),
    { numRuns: 60 },
  );
});

test("any bytes are looked at without an error, whether or not they are a message", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc
      .array(fc.constantFrom(0x08, 0x0a, 0x0b, 0x0c, 0x12, 0x01, 0xff, 0x7f), { maxLength: 400 })
      .map((values) => Uint8Array.from(values)),
  );
  fc.assert(
    fc.property(fc.constantFrom(...all), bytes, ([, schema], data) => {
      scanFields(schema, data);
    }),
    { numRuns: 3_000 },
  );
});

describe("what is no message is not looked at", () => {
  const whole = toBinary(
    customer.UpdateCustomerRequestSchema,
    create(customer.UpdateCustomerRequestSchema, { customer: { id: "cus_1", givenName: "Ada" } }),
  );

  test("cut anywhere within a field", () => {
    expect(setByScanning(customer.UpdateCustomerRequestSchema, whole)).toContain("customer.v1.Customer 1");
    expect(scanFields(customer.UpdateCustomerRequestSchema, whole.subarray(0, -1))).toBeUndefined();
  });

  test("a field numbered zero, a wire type that is none, a group that does not end or ends elsewhere", () => {
    for (const bytes of [[0x00, 0x00], [0x0e], [0x0f], [0x0b], [0x0c], [0x0b, 0x14]])
      expect(scanFields(customer.UpdateCustomerRequestSchema, Uint8Array.from(bytes))).toBeUndefined();
  });

  test("groups within each other without end", () => {
    const bytes = new Uint8Array(16 * 1024).fill(0x0b);
    expect(scanFields(customer.UpdateCustomerRequestSchema, bytes)).toBeUndefined();
  });
});

test("what is within a well-known type is not told of", () => {
  const request = create(usage.ListMethodUsageRequestSchema, { since: timestampFromMs(1_000) });
  const bytes = toBinary(usage.ListMethodUsageRequestSchema, request);
  expect(setByScanning(usage.ListMethodUsageRequestSchema, bytes)).toEqual([
    "heddle.usage.v1.ListMethodUsageRequest 6",
  ]);
});
