import { inspect, isDeepStrictEqual } from "node:util";
import { create, type DescField, type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema, StructSchema, TimestampSchema, ValueSchema } from "@bufbuild/protobuf/wkt";
import * as billing from "@heddle/contracts/billing/v1";
import * as customer from "@heddle/contracts/customer/v1";
import * as rpc from "@heddle/contracts/google/rpc";
import * as registry from "@heddle/contracts/heddle/registry/v1";
import * as order from "@heddle/contracts/order/v1";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileDecoder } from "./decoder.ts";
import { arbitraryMessage } from "./fixtures/arbitrary-message.ts";
import { everyKind } from "./fixtures/every-kind.ts";

const isSchema = (value: unknown): value is DescMessage =>
  typeof value === "object" && value !== null && "kind" in value && value.kind === "message";

const contracts = [billing, customer, rpc, registry, order].flatMap((module) =>
  (Object.values(module) as unknown[]).filter(isSchema),
);
const wellKnown: readonly DescMessage[] = [FileDescriptorSetSchema, StructSchema, TimestampSchema, ValueSchema];
const all = [...contracts, ...wellKnown, ...everyKind].map((schema) => [schema.typeName, schema] as const);
const everySchema = (typeName: string) => everyKind.find((schema) => schema.typeName === typeName) as DescMessage;

type Outcome = { readonly message: Message } | { readonly error: string };

const outcome = (decode: () => Message): Outcome => {
  try {
    return { message: decode() };
  } catch (error) {
    return { error: `${(error as Error).name}: ${(error as Error).message}` };
  }
};

/** Prototypes and values by the one, the order of properties by the other. */
const isSame = (a: unknown, b: unknown): boolean =>
  isDeepStrictEqual(a, b) && inspect(a, EVERYTHING) === inspect(b, EVERYTHING);
const EVERYTHING = { depth: Number.POSITIVE_INFINITY, maxArrayLength: null, maxStringLength: null };

const expectSame = (schema: DescMessage, bytes: Uint8Array): void => {
  const expected = outcome(() => fromBinary(schema, bytes));
  const decoded = outcome(() => compileDecoder(schema).decode(bytes));
  if (!isSame(decoded, expected)) expect(decoded, Buffer.from(bytes).toString("hex")).toEqual(expected);
  expect(isSame(decoded, expected), Buffer.from(bytes).toString("hex")).toBe(true);
};

/** True when bytes are read without fromBinary, which begins with a view of their buffer. */
const isReadHere = (schema: DescMessage, bytes: Uint8Array): boolean => {
  let viewed = false;
  const watched = new Uint8Array(bytes);
  const { buffer } = watched;
  Object.defineProperty(watched, "buffer", {
    get() {
      viewed = true;
      return buffer;
    },
  });
  outcome(() => compileDecoder(schema).decode(watched));
  return !viewed;
};

describe("the messages are those of fromBinary", () => {
  test.each(all)("from the bytes of %s", (_, schema) => {
    let here = 0;
    fc.assert(
      fc.property(arbitraryMessage(schema, { depth: 3, invalid: false }), (message) => {
        const bytes = toBinary(schema, message);
        expectSame(schema, bytes);
        if (isReadHere(schema, bytes)) here++;
      }),
      { numRuns: everyKind.includes(schema) ? 300 : 50 },
    );
    expect(here).toBeGreaterThan(0);
  });

  test.each(all)("from damaged bytes of %s, and so are the errors", (_, schema) => {
    const bytesOf = arbitraryMessage(schema, { depth: 3, invalid: false }).map((message) => toBinary(schema, message));
    fc.assert(
      fc.property(
        bytesOf,
        bytesOf,
        fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.nat(4)), { maxLength: 3 }),
        (first, second, changes) => {
          // Two messages in a row are one, in which the later fields win or are merged.
          let bytes: Uint8Array = Buffer.concat([first, second]);
          expectSame(schema, bytes);
          for (const [place, byte, kind] of changes) {
            bytes = damaged(bytes, place % (bytes.length + 1), byte, kind);
            expectSame(schema, new Uint8Array(bytes));
          }
        },
      ),
      { numRuns: everyKind.includes(schema) ? 300 : 50 },
    );
  });

  test.each(everyKind.map((schema) => [schema.typeName, schema] as const))(
    "from the bytes of another type, read as %s",
    (_, schema) => {
      for (const other of everyKind) {
        const bytesOf = arbitraryMessage(other, { depth: 2, invalid: false }).map((message) =>
          toBinary(other, message),
        );
        fc.assert(
          fc.property(bytesOf, (bytes) => expectSame(schema, bytes)),
          { numRuns: 40 },
        );
      }
    },
  );

  test("from any bytes", () => {
    for (const schema of everyKind) {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 30 }), (bytes) => expectSame(schema, bytes)),
        { numRuns: 300 },
      );
    }
  });
});

const damaged = (bytes: Uint8Array, place: number, byte: number, kind: number): Uint8Array => {
  const before = bytes.subarray(0, place);
  const after = bytes.subarray(place);
  if (kind === 0) return before;
  if (kind === 1) return Buffer.concat([before, Uint8Array.of(byte), after]);
  if (kind === 2) return Buffer.concat([before, after.subarray(1)]);
  if (kind === 3) return Buffer.concat([before, Uint8Array.of(byte), after.subarray(1)]);
  // A varint that is longer than it must be.
  const last = bytes[place] ?? 0;
  return last >= 0x80 ? bytes : Buffer.concat([before, Uint8Array.of(last | 0x80, 0x80, 0x00), after.subarray(1)]);
};

describe("what is common is read here", () => {
  const Inner = everySchema("three.Inner");
  const Every = everySchema("three.Every");
  const Maps = everySchema("three.Maps");
  const { decode } = compileDecoder(Inner);

  test("a field of any kind alone, but for groups, JSON and names that every object has", () => {
    const left = new Set<string>();
    for (const schema of everyKind) {
      for (const field of schema.fields) {
        const messages = fc.sample(arbitraryMessage(schema, { depth: 2, invalid: false }, [field]), {
          numRuns: 20,
          seed: 3,
        });
        const bytes = messages
          .filter(({ $unknown }) => $unknown === undefined)
          .map((message) => toBinary(schema, message))
          .filter(({ length }) => length > 0);
        if (!bytes.some((one) => isReadHere(schema, one))) left.add(field.name);
      }
    }
    const json = [...left].filter((name) => !/struct/.test(name)).sort();
    expect(json).toEqual(["delimited", "delimited_list", "group", "groups", "has_own_property", "is_prototype_of"]);
  });

  test("text that is no UTF-8 is refused as fromBinary refuses it, and kept where it keeps it", () => {
    for (const hex of ["1201ff", "1202c328", "1203eda080", "1204f0288cbc", "1203efbfbd", "1203efbbbf", "12026f6b"]) {
      for (const name of ["three.Inner", "two.Inner", "edition.Inner"]) {
        expectSame(everySchema(name), Buffer.from(hex, "hex"));
      }
    }
    expect(() => decode(Buffer.from("1201ff", "hex"))).toThrow(TypeError);
  });

  test("messages are nested as deeply as fromBinary lets them", () => {
    let bytes: Uint8Array = new Uint8Array(0);
    for (let depth = 1; depth <= 102; depth++) {
      expectSame(Inner, bytes);
      if (depth <= 100) expect(isReadHere(Inner, bytes)).toBe(true);
      const length = toBinary(TimestampSchema, create(TimestampSchema, { seconds: BigInt(bytes.length) })).subarray(1);
      bytes = Buffer.concat([Uint8Array.of(0x1a), bytes.length === 0 ? Uint8Array.of(0) : length, bytes]);
    }
    expect(() => decode(bytes)).toThrow("maximum recursion depth of 100 reached");
  });

  test("a field that comes again is merged, or replaced, as fromBinary does it, also when it comes empty", () => {
    for (const schema of everyKind) {
      for (const field of schema.fields.filter(({ message }) => message !== undefined)) {
        const $unknown = [{ no: field.number, wireType: 2, data: Uint8Array.of(0) }];
        const empty = toBinary(Inner, Object.assign(create(Inner), { $unknown }));
        const messages = fc.sample(arbitraryMessage(schema, { depth: 2, invalid: false }, [field]), {
          numRuns: 8,
          seed: 5,
        });
        const [first, ...more] = messages.map((message) => toBinary(schema, message));
        for (const one of more) {
          for (const row of [
            [one, empty],
            [empty, one],
            [first as Uint8Array, one],
          ]) {
            expectSame(schema, Buffer.concat(row));
          }
        }
      }
    }
  });

  test("a tag that is longer than it must be is read, or refused, as fromBinary does it", () => {
    const tags = ["08", "8800", "888000", "8880808000", "8880808010", "888080808000", "0880"];
    for (const tag of tags) {
      expectSame(Inner, Buffer.from(`${tag}05`, "hex"));
      const { number } = Maps.field.mapInt32Int32 as DescField;
      const entry = Buffer.from(`${tag}051007`, "hex");
      const unknown = [{ no: number, wireType: 2, data: Uint8Array.of(entry.length, ...entry) }];
      expectSame(Maps, toBinary(Inner, Object.assign(create(Inner), { $unknown: unknown })));
    }
  });

  test("an entry of a map without key or value, or with more than those, is read as fromBinary reads it", () => {
    const others = ["", "1805", "1a0161", "190102030405060708", "1d01020304", "1b1c", "1b"];
    // Among them values that are none of the kind, and a message that comes twice.
    const own = ["0a00", "1200", "0800", "1000", "0805", "1005", "12020805", "120208051203120161"];
    const entries = [...others, ...own, ...own.map((one) => `${one}1805`)];
    const oneOfEach = /^map_(string_|int32_message|\w+_int32$)/;
    for (const schema of everyKind) {
      for (const { number } of schema.fields.filter(({ name }) => oneOfEach.test(name))) {
        for (const hex of entries) {
          const entry = Buffer.from(hex, "hex");
          const $unknown = [{ no: number, wireType: 2, data: Uint8Array.of(entry.length, ...entry) }];
          expectSame(schema, toBinary(Inner, Object.assign(create(Inner), { $unknown })));
        }
      }
    }
  });

  test("a number that a closed enum does not have is kept as fromBinary keeps it", () => {
    for (const schema of everyKind) {
      for (const field of schema.fields.filter((one) => one.enum !== undefined)) {
        const bytes = [4, -4, 5].map((number) => {
          const held = { list: [number], map: { 1: number }, enum: number }[field.fieldKind as "list" | "map" | "enum"];
          const value = field.oneof === undefined ? held : { case: field.localName, value: held };
          const name = field.oneof?.localName ?? field.localName;
          return toBinary(schema, Object.assign(create(schema), { [name]: value }));
        });
        for (const one of [...bytes, Buffer.concat(bytes)]) expectSame(schema, one);
      }
    }
  });

  test("messages beside each other are as many as they like", () => {
    const bytes = Buffer.from("2200".repeat(1_000), "hex");
    expectSame(Inner, bytes);
    expect(isReadHere(Inner, bytes)).toBe(true);
  });

  test("bytes and unknown fields are views of what was read, as those of fromBinary are", () => {
    const bytes = new Uint8Array(Buffer.from("9a7d0568656c6c6f", "hex"));
    const unknown = decode(bytes).$unknown?.[0];
    expect(unknown?.data.buffer).toBe(bytes.buffer);
    expectSame(Inner, bytes);
    expectSame(Every, bytes);
    expectSame(Maps, bytes);
  });

  test("a message that could not be read leaves nothing behind", () => {
    for (let index = 0; index < 200; index++)
      expect(() => decode(Buffer.from("1a021a05", "hex"))).toThrow("premature EOF");
    expect(isReadHere(Inner, Buffer.from("1a021a00", "hex"))).toBe(true);
  });
});
