import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";

/**
 * Decodes, as the first thing that a process does, a block with one Huffman coded value of `length` characters, twice; tells what
 * came out. What decoders share is then as small as it ever is.
 */
const program = (length: number): string => `
  import { HpackDecoder } from "./mesh/wire/hpack/decoder.ts";
  // "a" is 00011 in Huffman code: eight of them are five bytes.
  const coded = Buffer.alloc((${length} / 8) * 5);
  for (let at = 0; at < coded.length; at += 5) coded.set([0x18, 0xc6, 0x31, 0x8c, 0x63], at);
  const size = [];
  for (let rest = coded.length - 127; ; rest = rest >>> 7) {
    size.push(rest < 128 ? rest : (rest & 127) | 128);
    if (rest < 128) break;
  }
  const block = Buffer.concat([Buffer.from([0x00, 1, 0x78, 0xff, ...size]), coded]);
  const decoder = new HpackDecoder({ tableBytesMax: 4096, listBytesMax: 1_000_000 });
  for (let count = 0; count < 2; count++) {
    const fields = decoder.decode(block, 0, block.length)?.fields ?? [];
    process.stdout.write(fields[0] + " " + fields[1]?.length + " " + /^a*$/.test(fields[1] ?? "") + "\\n");
  }
`;

test.each([1_024, 2_048, 40_000])(
  "a Huffman coded value of %i characters may be the first that a process decodes",
  (length) => {
    const output = execFileSync(
      process.execPath,
      ["--conditions=source", "--input-type=module", "-e", program(length)],
      {
        encoding: "utf8",
      },
    );
    expect(output).toBe(`x ${length} true\n`.repeat(2));
  },
);
