import { describe, expect, test } from "vitest";
import { HpackDecoder } from "./decoder.ts";

/** One step of an example: the block, the list that it means, and the table behind it, newest first. */
interface Step {
  readonly hex: string;
  readonly list: readonly string[];
  readonly table: readonly string[];
  readonly tableBytes: number;
}

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(/\s/g, ""), "hex");

/** The table's entries, as far as blocks of one indexed field reach. */
const tableOf = (decoder: HpackDecoder): string[] => {
  const entries: string[] = [];
  for (let index = 62; index < 127; index++) {
    try {
      const [name, value] = decoder.decode(Uint8Array.of(0x80 | index), 0, 1)?.fields ?? [];
      entries.push(`${name}: ${value}`);
    } catch {
      break;
    }
  }
  return entries;
};

const follow = (decoder: HpackDecoder, steps: readonly Step[]) => {
  for (const { hex, list, table, tableBytes } of steps) {
    const block = bytes(hex);
    expect(decoder.decode(block, 0, block.length)?.fields).toEqual(list);
    expect(tableOf(decoder)).toEqual(table);
    // `name: value` has two characters that do not count.
    expect(tableOf(decoder).reduce((sum, entry) => sum + entry.length - 2 + 32, 0)).toBe(tableBytes);
  }
};

const decoder = () => new HpackDecoder({ tableBytesMax: 4096, listBytesMax: 65536 });

/** With the table of 256 bytes that C.5 and C.6 are told for. */
const smallDecoder = () => {
  const small = decoder();
  small.decode(bytes("3fe101"), 0, 3);
  return small;
};

describe("RFC 7541, Appendix C", () => {
  test("C.2.1: a literal with incremental indexing", () => {
    follow(decoder(), [
      {
        hex: "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
        list: ["custom-key", "custom-header"],
        table: ["custom-key: custom-header"],
        tableBytes: 55,
      },
    ]);
  });

  test("C.2.2: a literal without indexing", () => {
    follow(decoder(), [
      { hex: "040c 2f73 616d 706c 652f 7061 7468", list: [":path", "/sample/path"], table: [], tableBytes: 0 },
    ]);
  });

  test("C.2.3: a literal that is never indexed", () => {
    follow(decoder(), [
      { hex: "1008 7061 7373 776f 7264 0673 6563 7265 74", list: ["password", "secret"], table: [], tableBytes: 0 },
    ]);
  });

  test("C.2.4: an indexed field", () => {
    follow(decoder(), [{ hex: "82", list: [":method", "GET"], table: [], tableBytes: 0 }]);
  });

  const requests = [
    {
      list: [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "www.example.com"],
      table: [":authority: www.example.com"],
      tableBytes: 57,
    },
    {
      list: [
        ...[":method", "GET", ":scheme", "http", ":path", "/", ":authority", "www.example.com"],
        ...["cache-control", "no-cache"],
      ],
      table: ["cache-control: no-cache", ":authority: www.example.com"],
      tableBytes: 110,
    },
    {
      list: [
        ...[":method", "GET", ":scheme", "https", ":path", "/index.html", ":authority", "www.example.com"],
        ...["custom-key", "custom-value"],
      ],
      table: ["custom-key: custom-value", "cache-control: no-cache", ":authority: www.example.com"],
      tableBytes: 164,
    },
  ] as const;

  const told = (steps: readonly Omit<Step, "hex">[], blocks: readonly string[]): Step[] =>
    steps.map((step, index) => ({ ...step, hex: blocks[index] as string }));

  test("C.3: requests", () => {
    follow(
      decoder(),
      told(requests, [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
      ]),
    );
  });

  test("C.4: requests in Huffman code", () => {
    follow(
      decoder(),
      told(requests, [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
      ]),
    );
  });

  const date21 = "Mon, 21 Oct 2013 20:13:21 GMT";
  const date22 = "Mon, 21 Oct 2013 20:13:22 GMT";
  const location = ["location", "https://www.example.com"];
  const cookie = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
  const responses = [
    {
      list: [":status", "302", "cache-control", "private", "date", date21, ...location],
      table: [location.join(": "), `date: ${date21}`, "cache-control: private", ":status: 302"],
      tableBytes: 222,
    },
    {
      list: [":status", "307", "cache-control", "private", "date", date21, ...location],
      table: [":status: 307", location.join(": "), `date: ${date21}`, "cache-control: private"],
      tableBytes: 222,
    },
    {
      list: [
        ...[":status", "200", "cache-control", "private", "date", date22, ...location],
        ...["content-encoding", "gzip", "set-cookie", cookie],
      ],
      table: [`set-cookie: ${cookie}`, "content-encoding: gzip", `date: ${date22}`],
      tableBytes: 215,
    },
  ];

  test("C.5: responses, with evictions from a table of 256 bytes", () => {
    follow(
      smallDecoder(),
      told(responses, [
        `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120
         474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
        "4803 3330 37c1 c0bf",
        `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738
         666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33
         3630 303b 2076 6572 7369 6f6e 3d31`,
      ]),
    );
  });

  test("C.6: responses in Huffman code, with evictions from a table of 256 bytes", () => {
    follow(
      smallDecoder(),
      told(responses, [
        `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718
         63c7 8f0b 97c8 e9ae 82ae 43d3`,
        "4883 640e ffc1 c0bf",
        `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7
         b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
      ]),
    );
  });
});
