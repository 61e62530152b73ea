import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ConnectionError, ErrorCode } from "../error-code.ts";
import { fuzzParameters } from "../fixtures/fuzz-parameters.ts";
import { HpackDecoder } from "./decoder.ts";
import { buildBlock, type Representation } from "./fixtures/build-block.ts";
import { NaiveDecoder } from "./fixtures/naive-decoder.ts";
import { symbolOfBits } from "./fixtures/symbol-of-bits.ts";

const decoder = ({ tableBytesMax = 4096, listBytesMax = 65536 } = {}) =>
  new HpackDecoder({ tableBytesMax, listBytesMax });

const decode = (on: HpackDecoder, block: Uint8Array) => on.decode(block, 0, block.length);

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

const indexed = (index: number): Representation => ({ kind: "indexed", index });
const size = (bytes: number): Representation => ({ kind: "size", size: bytes });
const literal = (
  pattern: "insert" | "plain" | "never",
  name: number | string,
  value: string,
  huffman = false,
): Representation => ({ kind: "literal", pattern, name, value, huffman });

/** What is thrown for a block, which must be a COMPRESSION_ERROR. */
const refusal = (on: HpackDecoder, block: Uint8Array): string => {
  try {
    decode(on, block);
  } catch (error) {
    expect(error).toBeInstanceOf(ConnectionError);
    expect((error as ConnectionError).code).toBe(ErrorCode.COMPRESSION_ERROR);
    return (error as ConnectionError).message;
  }
  throw new Error("the block was accepted");
};

/** What is in use, after a full collection. */
const heapBytes = (): number => {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  return process.memoryUsage().heapUsed;
};

describe("a block that breaks a rule is a COMPRESSION_ERROR", () => {
  test.each([
    ["index 0", "80", "index 0"],
    ["an index beyond an empty table", "be", "index 62"],
    ["a name's index beyond the table", "7e 00", "index 62"],
    ["a name's index beyond the table, without indexing", "0f 2f 00", "index 62"],
    ["a literal without its name", "40", "ends inside"],
    ["a literal without its value", "40 01 61", "ends inside"],
    ["a value that is cut", "40 01 61 02 62", "ends inside"],
    ["a Huffman coded value that is cut", "40 01 61 82 1f", "ends inside"],
    ["a string of 2 GiB", "40 7f 80 ff ff ff 07", "ends inside"],
    ["an integer that goes on for ever", "ff 80 80 80 80 80 00", "too large"],
    ["an integer over 31 bits", "ff ff ff ff ff 0f", "too large"],
    ["an integer that is cut", "ff 80", "ends inside"],
    ["EOS in a string", "40 01 61 84 ff ff ff ff", "Huffman"],
    ["padding of more than 7 bits", "40 01 61 82 1f ff", "Huffman"],
    ["padding of zeros", "40 01 61 81 18", "Huffman"],
    ["EOS in a name", "40 84 ff ff ff ff 00", "Huffman"],
    ["a table size update after a field", "82 20", "after a field"],
    ["a table size over ours", "3f e2 1f", "over the 4096"],
  ])("%s", (_, block, message) => {
    expect(refusal(decoder(), hex(block))).toContain(message);
  });

  test("but an integer may have zeros behind it, up to five bytes", () => {
    expect(decode(decoder(), hex("0f 80 80 80 80 00 01 61"))?.fields).toEqual(["accept-charset", "a"]);
  });
});

test("a block is read within its bounds", () => {
  const block = hex("ff ff 82 84 ff ff");
  expect(decoder().decode(block, 2, 4)?.fields).toEqual([":method", "GET", ":path", "/"]);
  expect(decoder().decode(block, 2, 2)?.fields).toEqual([]);
  // What follows the block must not complete it.
  expect(() => decoder().decode(hex("40 01 61 01 62"), 0, 4)).toThrow(ConnectionError);
});

test("a string has a character for each byte", () => {
  const value = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code));
  for (const huffman of [false, true]) {
    expect(decode(decoder(), buildBlock(literal("plain", "x", value, huffman)))?.fields).toEqual(["x", value]);
  }
});

test("names that differ in a byte, in length or in their code are told apart when they come again", () => {
  const on = decoder();
  const names = [
    "grpc-timeout",
    "grpc-timeous",
    "grpc-timeou",
    "",
    "x",
    "n".repeat(32),
    "n".repeat(33),
    "n".repeat(99),
  ];
  for (let round = 0; round < 3; round++) {
    for (const huffman of [false, true]) {
      for (const name of names) {
        expect(decode(on, buildBlock(literal("plain", name, "v", huffman)))?.fields).toEqual([name, "v"]);
      }
    }
  }
});

describe("the table", () => {
  test("is of 4096 bytes until the peer has followed our SETTINGS", () => {
    const on = decoder({ tableBytesMax: 0 });
    decode(on, buildBlock(literal("insert", "a", "b")));
    expect(decode(on, buildBlock(indexed(62)))?.fields).toEqual(["a", "b"]);
    decode(on, buildBlock(size(0), indexed(2)));
    expect(refusal(on, buildBlock(indexed(62)))).toContain("index 62");
    expect(refusal(on, buildBlock(size(1)))).toContain("over the 0");
  });

  test("grows when we allow it and the peer says so", () => {
    const on = decoder({ tableBytesMax: 65536 });
    const large = literal("insert", "a", "v".repeat(5000));
    decode(on, buildBlock(large));
    expect(refusal(on, buildBlock(indexed(62)))).toContain("index 62");
    decode(on, buildBlock(size(65536), large));
    expect(decode(on, buildBlock(indexed(62)))?.fields).toEqual(["a", "v".repeat(5000)]);
  });

  test("evicts the oldest, and all for an entry larger than itself", () => {
    const on = decoder();
    decode(on, buildBlock(size(70), literal("insert", "a", "1"), literal("insert", "b", "2")));
    expect(decode(on, buildBlock(indexed(62), indexed(63)))?.fields).toEqual(["b", "2", "a", "1"]);
    decode(on, buildBlock(literal("insert", "c", "3")));
    expect(decode(on, buildBlock(indexed(62), indexed(63)))?.fields).toEqual(["c", "3", "b", "2"]);
    expect(decode(on, buildBlock(literal("insert", 62, "x".repeat(70))))?.fields).toEqual(["c", "x".repeat(70)]);
    expect(refusal(on, buildBlock(indexed(62)))).toContain("index 62");
  });

  test("gives a name to the entry that evicts it (RFC 7541, 4.4)", () => {
    const on = decoder();
    decode(on, buildBlock(size(40), literal("insert", "name", "1")));
    expect(decode(on, buildBlock(literal("insert", 62, "2")))?.fields).toEqual(["name", "2"]);
    expect(decode(on, buildBlock(indexed(62)))?.fields).toEqual(["name", "2"]);
  });

  test("may be shrunk and grown before a block's first field", () => {
    const on = decoder();
    decode(on, buildBlock(literal("insert", "a", "1")));
    expect(decode(on, buildBlock(size(0), size(4096), literal("insert", "b", "2")))?.fields).toEqual(["b", "2"]);
    expect(decode(on, buildBlock(indexed(62)))?.fields).toEqual(["b", "2"]);
    expect(refusal(on, buildBlock(indexed(63)))).toContain("1 entries");
  });
});

describe("a block that comes again", () => {
  const request = buildBlock(indexed(2), literal("plain", "a", "b"));

  test("is decoded to the same list", () => {
    const on = decoder();
    decode(on, request);
    const list = decode(on, request);
    expect(list?.fields).toEqual([":method", "GET", "a", "b"]);
    expect(decode(on, request)).toBe(list);
    // Wherever it stands.
    expect(on.decode(Buffer.concat([hex("ff"), request, hex("ff")]), 1, 1 + request.length)).toBe(list);
  });

  test("is decoded to the same list among many others", () => {
    const on = decoder();
    const blocks = Array.from({ length: 20 }, (_, index) => buildBlock(indexed(2), literal("plain", 4, `/${index}`)));
    for (const block of [...blocks, ...blocks]) decode(on, block);
    const lists = blocks.map((block) => decode(on, block));
    const again = blocks.map((block) => decode(on, block));
    expect(again.filter((list, index) => list === lists[index]).length).toBeGreaterThan(15);
    expect(again.map((list) => list?.get(":path"))).toEqual(blocks.map((_, index) => `/${index}`));
  });

  test("is kept although the reader's buffer is used again", () => {
    const on = decoder();
    const buffer = Buffer.alloc(64);
    const read = (value: string) => {
      const block = buildBlock(literal("plain", "a", value));
      block.copy(buffer);
      return on.decode(buffer, 0, block.length)?.get("a");
    };
    expect(["x", "x", "y", "x", "y", "y", "x"].map(read)).toEqual(["x", "x", "y", "x", "y", "y", "x"]);
  });

  test("is decoded anew after an insertion, an eviction and a change of size", () => {
    const on = decoder();
    const first = buildBlock(indexed(62));
    const thrice = () => [decode(on, first), decode(on, first), decode(on, first)].map((list) => list?.fields[1]);
    decode(on, buildBlock(literal("insert", "a", "1"), literal("insert", "a", "2")));
    expect(thrice()).toEqual(["2", "2", "2"]);
    decode(on, buildBlock(literal("insert", "a", "3")));
    expect(thrice()).toEqual(["3", "3", "3"]);
    decode(on, buildBlock(size(34), indexed(2)));
    expect(thrice()).toEqual(["3", "3", "3"]);
    decode(on, buildBlock(literal("insert", "a", "4")));
    expect(thrice()).toEqual(["4", "4", "4"]);
    decode(on, buildBlock(size(0), indexed(2)));
    expect(() => decode(on, first)).toThrow(ConnectionError);
  });

  test("sets the table's size each time that it says so", () => {
    const on = decoder();
    const restore = buildBlock(size(4096), indexed(2));
    for (let round = 0; round < 3; round++) decode(on, restore);
    decode(on, buildBlock(size(0), indexed(2)));
    decode(on, restore);
    decode(on, buildBlock(literal("insert", "a", "1")));
    expect(decode(on, buildBlock(indexed(62)))?.fields).toEqual(["a", "1"]);
  });

  test("changes the table each time that it inserts", () => {
    const on = decoder();
    const block = buildBlock(literal("insert", "a", "1"));
    for (let round = 0; round < 5; round++) decode(on, block);
    expect(decode(on, buildBlock(indexed(66)))?.fields).toEqual(["a", "1"]);
  });
});

describe("a list over its bound", () => {
  test("is refused, at the byte", () => {
    const block = buildBlock(literal("plain", "ab", "cde"), literal("plain", "f", "g"));
    const bytes = 2 + 3 + 32 + 1 + 1 + 32;
    expect(decode(decoder({ listBytesMax: bytes }), block)?.fields).toEqual(["ab", "cde", "f", "g"]);
    expect(decode(decoder({ listBytesMax: bytes - 1 }), block)).toBeUndefined();
  });

  test("changes the table all the same", () => {
    const on = decoder({ listBytesMax: 100 });
    const block = buildBlock(
      literal("plain", "a", "v".repeat(100)),
      literal("plain", "b", "2", true),
      literal("plain", 1, "2", true),
      literal("insert", "c", "3"),
    );
    expect(decode(on, block)).toBeUndefined();
    expect(decode(on, block)).toBeUndefined();
    expect(decode(on, buildBlock(indexed(62), indexed(63)))?.fields).toEqual(["c", "3", "c", "3"]);
  });

  test("is still checked to its end", () => {
    const start = literal("plain", "a", "v".repeat(100));
    for (const rest of ["80", "be", "00 01 61 81 18", "00 84 ff ff ff ff 00", "0f 2f 00", "00 01"]) {
      refusal(decoder({ listBytesMax: 100 }), Buffer.concat([buildBlock(start), hex(rest)]));
    }
  });

  test("costs no more memory than its block: 4 KB of the table, named 10,000 times", () => {
    const on = decoder();
    const value = "v".repeat(4000);
    decode(on, buildBlock(literal("insert", "a", value)));
    const bomb = Buffer.alloc(10_000, 0x80 | 62);
    const before = process.memoryUsage().heapUsed;
    expect(decode(on, bomb)).toBeUndefined();
    // 40 MB were they copied; the garbage is counted as well.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(1_000_000);
    expect(decode(on, bomb.subarray(0, 16))?.fields).toHaveLength(32);
    expect(decode(on, bomb.subarray(0, 17))).toBeUndefined();
  });
});

test("a connection is not made to keep more than some 100 KB by blocks that come again", () => {
  const decoders = Array.from({ length: 40 }, () => decoder());
  const before = heapBytes();
  for (const on of decoders) {
    for (let number = 0; number < 128; number++) {
      // 500 fields of a byte each are a list of 8 KB.
      const block = Buffer.concat([Buffer.alloc(480, 0x82), buildBlock(literal("plain", 4, `/${number}`))]);
      for (let round = 0; round < 3; round++) decode(on, block);
    }
  }
  expect((heapBytes() - before) / decoders.length).toBeLessThan(120_000);
});

describe("beside a decoder that follows the RFC word for word", () => {
  const text = fc.oneof(
    fc.constantFrom("", "a", "grpc-timeout", "15S", "/shop.v1.Orders/GetOrder"),
    fc.string({ unit: "binary-ascii", maxLength: 40 }),
    fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
  );
  const representation: fc.Arbitrary<Representation> = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 1, max: 66 }).map(indexed) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 80 }).map(indexed) },
    {
      weight: 4,
      arbitrary: fc
        .tuple(
          fc.constantFrom("insert" as const, "plain" as const, "never" as const),
          fc.oneof(text, fc.integer({ min: 1, max: 64 })),
          text,
          fc.boolean(),
        )
        .map((of) => literal(...of)),
    },
  );
  const block = fc
    .tuple(
      fc.oneof({ weight: 6, arbitrary: fc.constant([]) }, fc.array(fc.integer({ max: 300, min: 0 }).map(size))),
      fc.array(representation, { maxLength: 6 }),
    )
    .map(([sizes, fields]) => buildBlock(...sizes, ...fields));

  /** Both get the same blocks until one of them is refused, by both. */
  const compare = (blocks: readonly Uint8Array[], tableBytesMax: number) => {
    const on = decoder({ tableBytesMax, listBytesMax: 1_000_000 });
    const naive = new NaiveDecoder(tableBytesMax, symbolOfBits);
    for (const bytes of blocks) {
      const expected = naive.decode(bytes);
      if (expected === undefined) {
        refusal(on, bytes);
        return;
      }
      expect(decode(on, bytes)?.fields).toEqual(expected);
    }
  };

  /** The same for the right ones among the blocks. Returns how many came again and were answered with the list of before. */
  const compareRight = (blocks: readonly Uint8Array[], tableBytesMax: number): number => {
    const on = decoder({ tableBytesMax, listBytesMax: 1_000_000 });
    const naive = new NaiveDecoder(tableBytesMax, symbolOfBits);
    const lists = new Set<unknown>();
    let reused = 0;
    for (const bytes of blocks) {
      if (!naive.accepts(bytes)) continue;
      const list = decode(on, bytes);
      expect(list?.fields).toEqual(naive.decode(bytes));
      if (lists.has(list)) reused += 1;
      lists.add(list);
    }
    return reused;
  };

  test("blocks mean the same, new ones and those that come again after others", () => {
    let reused = 0;
    fc.assert(
      fc.property(
        fc.array(block, { minLength: 1, maxLength: 12 }),
        fc.array(fc.nat(), { minLength: 1, maxLength: 100 }),
        fc.constantFrom(0, 100, 300),
        (few, order, tableBytesMax) => {
          const blocks = order.map((index) => few[index % few.length] as Uint8Array);
          reused += compareRight(blocks, tableBytesMax);
          // Those in a row, which leave the table as it is, are what the memory is for.
          reused += compareRight([...blocks, ...few, ...few, ...few, ...blocks], tableBytesMax);
        },
      ),
      fuzzParameters(1 / 6),
    );
    expect(reused).toBeGreaterThan(200);
  });

  test("blocks that are damaged are refused by both, or mean the same", () => {
    fc.assert(
      fc.property(
        fc.array(block, { minLength: 1, maxLength: 6 }),
        fc.array(fc.tuple(fc.nat(5), fc.nat(200), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 }),
        (blocks, damages) => {
          for (const [which, where, byte] of damages) {
            const bytes = blocks[which % blocks.length] as Uint8Array;
            if (bytes.length > 0) bytes[where % bytes.length] = byte;
          }
          compare([...blocks, ...blocks], 300);
        },
      ),
      fuzzParameters(1 / 6),
    );
  });

  test("bytes at random are refused by both, or mean the same", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 80 }), { minLength: 1, maxLength: 6 }), (blocks) =>
        compare([...blocks, ...blocks], 4096),
      ),
      fuzzParameters(1 / 6),
    );
  });
});
