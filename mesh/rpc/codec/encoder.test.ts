import { isDeepStrictEqual } from "node:util";
import { create, type DescField, type DescMessage, type Message, setExtension, toBinary } from "@bufbuild/protobuf";
import {
  AnySchema,
  DurationSchema,
  FieldMaskSchema,
  FieldOptionsSchema,
  FileDescriptorSetSchema,
  ListValueSchema,
  StringValueSchema,
  StructSchema,
  TimestampSchema,
  ValueSchema,
} from "@bufbuild/protobuf/wkt";
import * as billing from "@heddle/contracts/billing/v1";
import { FieldRulesSchema, field as fieldRules } from "@heddle/contracts/buf/validate";
import * as customer from "@heddle/contracts/customer/v1";
import * as rpc from "@heddle/contracts/google/rpc";
import * as events from "@heddle/contracts/heddle/events/v1";
import * as registry from "@heddle/contracts/heddle/registry/v1";
import * as order from "@heddle/contracts/order/v1";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { compileEncoder } from "./encoder.ts";
import { arbitraryMessage } from "./fixtures/arbitrary-message.ts";
import { everyKind } from "./fixtures/every-kind.ts";

const isSchema = (value: unknown): value is DescMessage =>
  typeof value === "object" && value !== null && "kind" in value && value.kind === "message";

const contracts = [billing, customer, rpc, events, registry, order].flatMap((module) =>
  (Object.values(module) as unknown[]).filter(isSchema),
);
const wellKnown: readonly DescMessage[] = [
  AnySchema,
  DurationSchema,
  FieldMaskSchema,
  FileDescriptorSetSchema,
  ListValueSchema,
  StringValueSchema,
  StructSchema,
  TimestampSchema,
  ValueSchema,
];
const named = (schemas: readonly DescMessage[]) => schemas.map((schema) => [schema.typeName, schema] as const);
const everySchema = (typeName: string) => everyKind.find((schema) => schema.typeName === typeName) as DescMessage;

const ANYTHING = [
  ...[undefined, null, false, true, "", "0", "1", "-1", " ", "0x0", "text", "\ud800", [], {}, [1], Symbol.iterator],
  ...[
    0,
    -0,
    1,
    -1,
    1.5,
    2 ** 31 - 1,
    2 ** 31,
    -(2 ** 31),
    -(2 ** 31) - 1,
    2 ** 32 - 1,
    2 ** 32,
    2 ** 53,
    1e300,
    -1e300,
  ],
  ...[Number.NaN, Number.POSITIVE_INFINITY, 3.4028234663852886e38, 3.4028235677973366e38, -3.4028235677973366e38],
  ...[0n, 1n, -1n, 2n ** 63n - 1n, 2n ** 63n, -(2n ** 63n), -(2n ** 63n) - 1n, 2n ** 64n - 1n, 2n ** 64n],
  ...[new Uint8Array(0), Uint8Array.of(1), new Uint16Array(1), Buffer.from("b")],
];

/** A value where a field holds one. */
const heldBy = (field: DescField, value: unknown): unknown[] => {
  if (field.oneof !== undefined) return [{ case: field.localName, value }];
  if (field.fieldKind === "list") return [value, [value]];
  if (field.fieldKind !== "map") return [value];
  const key = typeof value === "symbol" || Array.isArray(value) ? "symbol" : String(value);
  return [value, { 1: value }, { [key]: field.mapKind === "message" ? create(field.message) : 1 }];
};

type Outcome = { readonly bytes: string } | { readonly error: string };

const outcome = (encode: () => Uint8Array): Outcome => {
  try {
    return { bytes: Buffer.from(encode()).toString("hex") };
  } catch (error) {
    return { error: `${(error as Error).name}: ${(error as Error).message}` };
  }
};

const enveloped = (bytes: Uint8Array): Buffer => {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
};

const SLAB_BYTES = 64 * 1024;

describe("the bytes are those of toBinary", () => {
  test.each(named([...contracts, ...wellKnown, ...everyKind]))("of %s", (_, schema) => {
    const { encode, encodeEnveloped } = compileEncoder(schema);
    fc.assert(
      fc.property(arbitraryMessage(schema, { depth: 3, invalid: false }), (message) => {
        const expected = toBinary(schema, message);
        const bytes = encode(message);
        if (Buffer.compare(bytes, expected) !== 0) expect(outcome(() => bytes)).toEqual(outcome(() => expected));
        expect(Buffer.compare(encodeEnveloped(message), enveloped(expected))).toBe(0);
        // What toBinary is asked for has memory of its own.
        expect(bytes.buffer.byteLength, "of the slab").toBe(SLAB_BYTES);
      }),
      { numRuns: everyKind.includes(schema) ? 400 : 100 },
    );
  });

  test.each(named([...contracts, ...wellKnown, ...everyKind]))("and so are the errors, of invalid %s", (_, schema) => {
    const { encode, encodeEnveloped } = compileEncoder(schema);
    fc.assert(
      fc.property(arbitraryMessage(schema, { depth: 2, invalid: true }), (message) => {
        const expected = outcome(() => toBinary(schema, message));
        expect(outcome(() => encode(message))).toEqual(expected);
        expect(outcome(() => encodeEnveloped(message))).toEqual(
          "bytes" in expected ? outcome(() => enveloped(Buffer.from(expected.bytes, "hex"))) : expected,
        );
      }),
      { numRuns: everyKind.includes(schema) ? 400 : 50 },
    );
  });

  test("of each field that is set alone, whatever it holds", () => {
    // Most of what is held is refused, and a trace takes longer than that.
    const { stackTraceLimit } = Error;
    onTestFinished(() => {
      Error.stackTraceLimit = stackTraceLimit;
    });
    Error.stackTraceLimit = 0;
    // Maps are the same in each syntax.
    for (const schema of everyKind.filter(({ typeName }) => !/^(two|edition)\.Maps$/.test(typeName))) {
      const { encode } = compileEncoder(schema);
      // Each kind of key once, and each kind of value.
      for (const field of schema.fields.filter(({ name }) => !/^map_/.test(name) || /_string_|_int32$/.test(name))) {
        for (const value of ANYTHING) {
          const name = field.oneof?.localName ?? field.localName;
          for (const held of heldBy(field, value)) {
            const message = { ...create(schema), [name]: held } as unknown as Message;
            const encoded = outcome(() => encode(message));
            const expected = outcome(() => toBinary(schema, message));
            if (!isDeepStrictEqual(encoded, expected)) expect(encoded, `${field} = ${String(value)}`).toEqual(expected);
          }
        }
      }
    }
  });

  test("of an extension", () => {
    const options = create(FieldOptionsSchema, { deprecated: true });
    setExtension(options, fieldRules, create(FieldRulesSchema, { type: { case: "string", value: { maxLen: 9n } } }));
    expect(outcome(() => compileEncoder(FieldOptionsSchema).encode(options))).toEqual(
      outcome(() => toBinary(FieldOptionsSchema, options)),
    );
  });
});

const Inner = everySchema("three.Inner");
const innerOf = (init: Record<string, unknown>): Message => create(Inner, init);
const nested = (depth: number, text: string): Message => {
  let message = innerOf({ text });
  for (let level = 0; level < depth; level++)
    message = innerOf(level % 7 === 0 ? { many: [message, innerOf({ text })] } : { next: message });
  return message;
};

describe("large messages", () => {
  const { encode, encodeEnveloped } = compileEncoder(Inner);
  const texts = [SLAB_BYTES / 4, SLAB_BYTES, 1 << 20].flatMap((length) => [
    "x".repeat(length),
    "é".repeat(length),
    `${"x".repeat(length)}\ud800`,
  ]);

  test("of one long text have the bytes of toBinary, wherever the slab stands", () => {
    for (const text of [...texts, ...texts.map((long) => long.slice(0, 20_000))]) {
      const message = innerOf({ count: -1, text });
      const expected = toBinary(Inner, message);
      expect(Buffer.compare(encode(message), expected)).toBe(0);
      expect(Buffer.compare(encodeEnveloped(message), enveloped(expected))).toBe(0);
    }
  });

  test("of a length whose own length is about to change have the bytes of toBinary", () => {
    for (const length of [2 ** 7, 2 ** 14, 2 ** 21]) {
      for (const text of ["x", "é", "€"]) {
        for (let less = 0; less < (length > 2 ** 14 ? 2 : 8); less++) {
          const inner = innerOf({ text: text.repeat(Math.floor(length / Buffer.byteLength(text)) - less) });
          const message = innerOf({ next: inner, many: [inner, innerOf({ count: 1 }), inner] });
          expect(Buffer.compare(encode(message), toBinary(Inner, message)), `${length} - ${less} ${text}`).toBe(0);
        }
      }
    }
  });

  test("of many messages of changing length have the bytes of toBinary", () => {
    for (const count of [100, 1_000, 10_000]) {
      const many = Array.from({ length: count }, (_, index) => innerOf({ text: "y".repeat((index * 37) % 300) }));
      const message = innerOf({ many, next: innerOf({ many: many.slice(0, 150) }) });
      const expected = toBinary(Inner, message);
      expect(Buffer.compare(encode(message), expected)).toBe(0);
      expect(Buffer.compare(encodeEnveloped(message), enveloped(expected))).toBe(0);
    }
  });

  test("have memory of their own", () => {
    const bytes = encodeEnveloped(innerOf({ text: "x".repeat(SLAB_BYTES / 2) }));
    expect(bytes.buffer.byteLength).toBe(bytes.length);
  });

  test("of deep nesting have the bytes of toBinary", () => {
    for (const [depth, text] of [
      [3, "t".repeat(100)],
      [500, "t"],
      [500, "t".repeat(200)],
    ] as const) {
      const message = nested(depth, text);
      expect(Buffer.compare(encode(message), toBinary(Inner, message))).toBe(0);
    }
  });

  test("of bottomless nesting fail as toBinary does", () => {
    const message = innerOf({}) as Message & { next: unknown };
    message.next = message;
    expect(() => toBinary(Inner, message)).toThrow(RangeError);
    expect(() => encode(message)).toThrow(RangeError);
    expect(outcome(() => encode(innerOf({ count: 1 })))).toEqual({ bytes: "0801" });
  });
});

describe("memory", () => {
  const { encode, encodeEnveloped } = compileEncoder(Inner);

  /** Uses memory up until `roomBytes` are left of a slab. */
  const leave = (roomBytes: number): void => {
    for (;;) {
      const { byteOffset, length } = encode(innerOf({ count: 1 }));
      const spareBytes = SLAB_BYTES - byteOffset - length - roomBytes;
      // A text of this length takes three bytes besides.
      if (spareBytes >= 200) encode(innerOf({ text: "f".repeat(Math.min(spareBytes, 9_000) - 3) }));
      if (spareBytes >= 200 && spareBytes <= 9_000) return;
      if (spareBytes < 200) encode(innerOf({ text: "f".repeat(9_000) }));
    }
  };

  const Every = everySchema("three.Every");
  const chunk = new Uint8Array(300).fill(0xa5);
  const endings = (): (readonly [DescMessage, Message])[] => [
    ...everyKind.flatMap((schema) =>
      fc
        .sample(arbitraryMessage(schema, { depth: 3, invalid: false }), { numRuns: 60, seed: 7 })
        .map((message) => [schema, message] as const),
    ),
    ...[{ listDouble: Array(100).fill(1.5) }, { listFloat: Array(200).fill(1.5) }, { listBytes: [chunk, chunk] }].map(
      (fields) => [Every, Object.assign(create(Every), fields)] as const,
    ),
    // The length of the last message takes one byte where that of the one before took two, and the other way round.
    ...[["a", "b".repeat(200), "c"], ["b".repeat(200), "c", "b".repeat(200)], ["é".repeat(300)], ["€".repeat(300)]].map(
      (texts) => [Inner, innerOf({ text: "x".repeat(600), many: texts.map((text) => innerOf({ text })) })] as const,
    ),
  ];

  test("ends with a slab, and a message that does not fit goes to the next", () => {
    let met = 0;
    for (const [schema, message] of endings()) {
      const expected = toBinary(schema, message);
      if (expected.length < 520 || expected.length > SLAB_BYTES / 4) continue;
      for (let more = -9; more <= 2; more++) {
        leave(expected.length + more);
        const bytes = compileEncoder(schema).encode(message);
        expect(Buffer.compare(bytes, expected), `${schema.typeName}, ${more} bytes`).toBe(0);
        expect(bytes.buffer.byteLength, "of the slab").toBe(SLAB_BYTES);
        if (more === 0 && bytes.byteOffset + bytes.length === SLAB_BYTES) met++;
      }
    }
    expect(met).toBeGreaterThan(20);
  });

  test("that was handed out is not written again, whatever comes after", () => {
    const kept: { bytes: Uint8Array; expected: Uint8Array }[] = [];
    const failing = innerOf({ text: "w".repeat(300), many: [{ $typeName: "three.Inner", count: 0.5 }] });
    fc.assert(
      fc.property(fc.nat(4_000), fc.nat(9), (length, kind) => {
        if (kind === 0) expect(() => encode(failing)).toThrow("invalid int32: 0.5");
        const message = innerOf({ text: "k".repeat(length), next: innerOf({ text: "é".repeat(length % 90) }) });
        const expected = toBinary(Inner, message);
        kept.push({ bytes: encode(message), expected });
        kept.push({ bytes: encodeEnveloped(message), expected: enveloped(expected) });
      }),
      { numRuns: 1_000 },
    );
    expect(kept.filter(({ bytes, expected }) => Buffer.compare(bytes, expected) !== 0)).toEqual([]);
  });

  test("is not written twice when a message encodes another while it is encoded", () => {
    let within: Uint8Array | undefined;
    const message = innerOf({ count: 7, text: "before" });
    Object.defineProperty(message, "text", {
      get() {
        within = encode(innerOf({ text: "within" }));
        return "before";
      },
    });
    expect(Buffer.from(encode(message)).toString("hex")).toBe("080712066265666f7265");
    expect(outcome(() => within as Uint8Array)).toEqual(outcome(() => toBinary(Inner, innerOf({ text: "within" }))));
  });
});
