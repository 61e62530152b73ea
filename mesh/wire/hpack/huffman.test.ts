import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CODE_LENGTHS, decodedBytesMax, decodeHuffman, encodeHuffman, huffmanBytes } from "./huffman.ts";

const encode = (text: string): Buffer => {
  const out = Buffer.alloc(text.length * 4 + 8);
  return out.subarray(0, encodeHuffman(text, out, 0));
};

const decode = (hex: string): string | undefined => decodeBytes(Buffer.from(hex.replaceAll(" ", ""), "hex"));

const decodeBytes = (bytes: Uint8Array): string | undefined => {
  const out = Buffer.alloc(decodedBytesMax(bytes.length));
  const length = decodeHuffman(bytes, 0, bytes.length, out);
  return length < 0 ? undefined : out.toString("latin1", 0, length);
};

const allBytes = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code));

describe("the code", () => {
  test("is complete: no bit string is without a meaning (Kraft's equality)", () => {
    expect(CODE_LENGTHS).toHaveLength(257);
    expect(CODE_LENGTHS.reduce((sum, length) => sum + 2 ** (30 - length), 0)).toBe(2 ** 30);
  });

  test.each([
    ["0", "07"],
    ["a", "1f"],
    [" ", "53"],
    ["X", "fc"],
    ["\\", "fffe1f"],
    ["\u0000", "ffc7"],
    ["\n", "fffffff3"],
    ["\r", "fffffff7"],
    ["\u0016", "fffffffb"],
    ["\u00ff", "fffffbbf"],
    ["\u00f9", "ffffffef"],
  ])("codes %j as Appendix B has it", (text, hex) => {
    expect(encode(text).toString("hex")).toBe(hex);
  });

  test.each([
    ["www.example.com", "f1e3c2e5f23a6ba0ab90f4ff"],
    ["no-cache", "a8eb10649cbf"],
    ["custom-key", "25a849e95ba97d7f"],
    ["custom-value", "25a849e95bb8e8b4bf"],
    ["Mon, 21 Oct 2013 20:13:21 GMT", "d07abe941054d444a8200595040b8166e082a62d1bff"],
    ["https://www.example.com", "9d29ad171863c78f0b97c8e9ae82ae43d3"],
  ])("codes %j as Appendix C has it", (text, hex) => {
    expect(encode(text).toString("hex")).toBe(hex);
    expect(decode(hex)).toBe(text);
  });

  test("takes every byte there and back, alone and after each other", () => {
    for (const char of allBytes) expect(decodeBytes(encode(char))).toBe(char);
    expect(decodeBytes(encode(allBytes + allBytes.split("").reverse().join("")))).toBe(
      allBytes + allBytes.split("").reverse().join(""),
    );
  });

  test("takes any bytes there and back, in as many bytes as foretold", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const text = Buffer.from(bytes).toString("latin1");
        const coded = encode(text);
        expect(coded).toHaveLength(huffmanBytes(text));
        expect(decodeBytes(coded)).toBe(text);
      }),
    );
  });

  test("never decodes to more than is foretold", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const out = new Uint8Array(decodedBytesMax(bytes.length));
        expect(decodeHuffman(bytes, 0, bytes.length, out)).toBeLessThanOrEqual((bytes.length * 8) / 5);
      }),
    );
    expect(decodeBytes(new Uint8Array(50))).toBe("0".repeat(80));
  });
});

describe("the padding (RFC 7541, 5.2)", () => {
  test("is a prefix of EOS of at most 7 bits", () => {
    expect(decode("")).toBe("");
    expect(decode("1f")).toBe("a");
    expect(decode("53")).toBe(" ");
  });

  test.each([
    ["8 bits", "ff"],
    ["8 bits after a symbol", "fc ff"],
    ["11 bits after a symbol", "1f ff"],
    ["zeros", "18"],
    ["ones and a zero", "1e"],
  ])("is refused when it is %s", (_, hex) => {
    expect(decode(hex)).toBeUndefined();
  });

  test("may not hold EOS, nor may anything before it", () => {
    expect(decode("ff ff ff ff")).toBeUndefined();
    expect(decode("ff ff ff fc")).toBeUndefined();
    expect(decode("1f ff ff ff fe 1f")).toBeUndefined();
  });
});

test("a character that is no byte is coded as a question mark", () => {
  expect(decodeBytes(encode("a\u010ab"))).toBe("a?b");
  expect(huffmanBytes("\u010a")).toBe(huffmanBytes("?"));
});
