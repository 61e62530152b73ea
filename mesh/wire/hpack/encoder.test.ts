import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fuzzParameters } from "../fixtures/fuzz-parameters.ts";
import { HeaderList } from "../header-list.ts";
import { HpackDecoder } from "./decoder.ts";
import { HpackEncoder } from "./encoder.ts";
import { NaiveDecoder } from "./fixtures/naive-decoder.ts";
import { symbolOfBits } from "./fixtures/symbol-of-bits.ts";

/** An encoder whose blocks are decoded at once, by the RFC's letter: for what is in the table as well. */
const pair = (options?: { tableBytesMax?: number }) => {
  const encoder = new HpackEncoder(options);
  const decoder = new NaiveDecoder(65536, symbolOfBits);
  return {
    encoder,
    /** What the decoder's table holds. */
    table: () => decoder.entries.map((entry) => entry.join(": ")),
    tableBytesMax: () => decoder.bytesMax,
    send: (headers: HeaderList, extra?: readonly string[]) => {
      const block = encoder.encode(headers, extra);
      expect(decoder.decode(block)).toEqual([...headers.fields, ...(extra ?? [])]);
      return block;
    },
  };
};

const request = (more: Record<string, string> = {}) =>
  HeaderList.of({
    ":method": "POST",
    ":scheme": "http",
    ":path": "/shop.v1.Orders/GetOrder",
    ":authority": "localhost:8080",
    "content-type": "application/grpc",
    te: "trailers",
    ...more,
  });

const extra = (call: number) => ["grpc-timeout", `${call}m`, "traceparent", `00-${"4b".repeat(16)}-00f067-${call}`];

const hex = (block: Uint8Array) => Buffer.from(block).toString("hex");

describe("a list that is sent again", () => {
  test("is a byte for each field, from its third time the very same block", () => {
    const { send } = pair();
    const list = request();
    expect(send(list).length).toBeGreaterThan(50);
    expect(send(list)).toHaveLength(6);
    const block = send(list);
    expect(send(list)).toBe(block);
  });

  test("is as short when it is another object of the same content", () => {
    const { send } = pair();
    send(request());
    expect(send(request())).toHaveLength(6);
  });

  test("is encoded anew when the table has changed", () => {
    const { send, encoder } = pair();
    const list = request();
    for (let round = 0; round < 3; round++) send(list);
    send(request({ "x-tenant": "blue" }));
    for (let round = 0; round < 3; round++) send(list);
    encoder.setPeerTableBytes(100);
    for (let round = 0; round < 3; round++) send(list);
  });

  test("is sent right among more lists than are remembered", () => {
    const { send } = pair();
    const lists = Array.from({ length: 200 }, (_, index) => request({ "x-number": String(index) }));
    for (let round = 0; round < 4; round++) {
      for (const list of lists) {
        send(list);
        send(list, extra(round));
      }
    }
  });

  test("is found when its block is a large one", () => {
    const { send } = pair();
    const list = request({ "x-large": "é".repeat(20_000) });
    for (let round = 0; round < 4; round++) send(list, extra(round));
  });
});

describe("extra fields", () => {
  test("never enter the table", () => {
    const { send, table } = pair();
    const list = request();
    send(list);
    const before = table();
    for (let call = 0; call < 100; call++) send(list, extra(call));
    expect(table()).toEqual(before);
  });

  test("are named by the tables where these have the name", () => {
    const { send } = pair();
    const list = request({ "x-tenant": "blue" });
    send(list);
    const without = send(list).length;
    expect(hex(send(list, ["content-type", "a", "x-tenant", "b"])).slice(without * 2)).toBe("0f1001610f2f0162");
  });

  test("may follow a list that was never sent, and one without fields", () => {
    const { send } = pair();
    expect(hex(send(new HeaderList([]), ["a", "b"]))).toBe("0001610162");
    expect(hex(send(new HeaderList([]), []))).toBe("");
    send(request(), extra(1));
    send(request(), extra(2));
  });

  test("may be many, with other names in the same places", () => {
    const { send } = pair();
    for (let call = 0; call < 10; call++) {
      send(
        request(),
        Array.from({ length: 40 }, (_, index) => `${(index + (call >> 1) * (index & 2)) % 23}`),
      );
    }
  });
});

describe("secrets (RFC 7541, 7.1.3)", () => {
  test.each(["authorization", "proxy-authorization", "cookie", "set-cookie"])(
    "%s is a literal that is never indexed, wherever it stands",
    (name) => {
      const { send, table } = pair();
      const list = new HeaderList([name, "abc"]);
      const alone = hex(send(list));
      // 0001 and an index of 4 bits and more.
      expect(alone).toMatch(/^1f/);
      for (let round = 0; round < 3; round++) expect(hex(send(list))).toBe(alone);
      expect(hex(send(new HeaderList([]), [name, "abc"]))).toMatch(/^1f..03616263$/);
      expect(table()).toEqual([]);
    },
  );
});

describe("the table's size", () => {
  const list = new HeaderList([":method", "GET"]);

  test("is not told while it is the 4096 of the start", () => {
    const { send, encoder } = pair();
    encoder.setPeerTableBytes(4096);
    encoder.setPeerTableBytes(65536);
    expect(hex(send(list))).toBe("82");
  });

  test("is told at the start of the next block alone", () => {
    const { send, encoder, tableBytesMax } = pair();
    encoder.setPeerTableBytes(30);
    expect(hex(send(list))).toBe("3e82");
    expect(tableBytesMax()).toBe(30);
    expect(hex(send(list))).toBe("82");
    encoder.setPeerTableBytes(30);
    expect(hex(send(list))).toBe("82");
  });

  test("is told as the smallest and the present one, when it went down and up", () => {
    const { send, encoder } = pair();
    encoder.setPeerTableBytes(100);
    encoder.setPeerTableBytes(0);
    encoder.setPeerTableBytes(4096);
    expect(hex(send(list, ["a", "b"]))).toBe("203fe11f820001610162");
    expect(hex(send(list))).toBe("82");
  });

  test("is told once, also when the list was sent before", () => {
    const { send, encoder } = pair();
    const other = new HeaderList(["a", "b"]);
    for (let round = 0; round < 3; round++) {
      send(list);
      encoder.setPeerTableBytes(0);
      encoder.setPeerTableBytes(4096);
      expect(hex(send(list))).toBe("203fe11f82");
      expect(hex(send(list))).toBe("82");
      send(other);
      expect(hex(send(list))).toBe("82");
      expect(hex(send(list))).toBe("82");
      expect(hex(send(other))).toBe("be");
    }
  });

  test("is ours, where that is smaller than what the peer allows", () => {
    const { send, encoder, tableBytesMax } = pair({ tableBytesMax: 1000 });
    send(list);
    expect(tableBytesMax()).toBe(1000);
    encoder.setPeerTableBytes(2000);
    expect(hex(send(list))).toBe("82");
  });

  test("grows beyond 4096 only when both want it", () => {
    const { send, encoder, tableBytesMax } = pair({ tableBytesMax: 10_000 });
    send(list);
    expect(tableBytesMax()).toBe(4096);
    encoder.setPeerTableBytes(65536);
    send(list);
    expect(tableBytesMax()).toBe(10_000);
  });

  test("of 0 leaves the static table", () => {
    const { send, encoder, table } = pair();
    send(request());
    encoder.setPeerTableBytes(0);
    for (let round = 0; round < 4; round++) send(request());
    expect(table()).toEqual([]);
  });
});

describe("what enters the table", () => {
  test("is no field larger than half of it", () => {
    const { send, table } = pair();
    const list = new HeaderList(["x-large", "v".repeat(2048), "x-small", "1"]);
    for (let round = 0; round < 3; round++) send(list);
    expect(table()).toEqual(["x-small: 1"]);
  });

  test("fills no more than half of it by fields that never come again", () => {
    const { send, table } = pair();
    for (let call = 0; call < 1000; call++) send(request({ ":path": `/orders/${call}/items` }));
    const bytes = table().reduce((sum, entry) => sum + entry.length - 2 + 32, 0);
    expect(bytes).toBeLessThanOrEqual(2048);
    expect(send(request({ ":path": "/orders/none" })).length).toBeLessThan(20);
  });

  test("comes in later when it comes again", () => {
    const { send } = pair();
    for (let call = 0; call < 1000; call++) send(request({ ":path": `/orders/${call}/items` }));
    const late = () => send(new HeaderList(["x-late", "a value that came late"]));
    late();
    late();
    expect(late()).toHaveLength(1);
  });

  test("does not turn the table over again and again, with more in use than it holds", () => {
    const { send, table } = pair();
    const lists = Array.from({ length: 30 }, (_, index) => new HeaderList(["x-number", `${index}`.padEnd(200, "ä")]));
    let changes = 0;
    for (let round = 0; round < 200; round++) {
      for (const list of lists) {
        const before = table().join();
        send(list);
        send(list);
        if (table().join() !== before) changes += 1;
      }
    }
    // 30 of them are 7 KB. 12,000 blocks at the most allow a dozen turnovers of 17 entries.
    expect(changes).toBeLessThan(12 * 18 + 30);
  });
});

test("a character that is no byte becomes a question mark, never a part of itself", () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder({ tableBytesMax: 4096, listBytesMax: 65536 });
  const list = new HeaderList(["x", "a\u010d\u010ab", "y", "€"]);
  for (let round = 0; round < 3; round++) {
    const block = encoder.encode(list, ["z", "\u0100\u00ff"]);
    expect(decoder.decode(block, 0, block.length)?.fields).toEqual(["x", "a??b", "y", "?", "z", "?\u00ff"]);
  }
});

test("whatever is sent in whatever order arrives, with sizes that change in between", () => {
  const name = fc.constantFrom(":path", "te", "cookie", "content-type", "x-a", "x-b", "x-c", "grpc-timeout");
  const value = fc.oneof(
    fc.constantFrom("", "a", "trailers", "v".repeat(60), "w".repeat(150)),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
  );
  const fields = fc.array(fc.tuple(name, value), { maxLength: 6 }).map((pairs) => pairs.flat());
  const step = fc.record({
    list: fc.nat(7),
    fresh: fc.boolean(),
    extra: fc.option(fields, { nil: undefined, freq: 2 }),
    sizes: fc.oneof(
      { weight: 8, arbitrary: fc.constant([]) },
      fc.array(fc.oneof(fc.constantFrom(0, 4096, 8192), fc.nat(500)), { maxLength: 3 }),
    ),
  });
  fc.assert(
    fc.property(
      fc.array(fields, { minLength: 8, maxLength: 8 }),
      fc.array(step, { maxLength: 100 }),
      fc.constantFrom(0, 100, 300, 4096, 8192),
      (lists, steps, tableBytesMax) => {
        const known = lists.map((list) => new HeaderList(list));
        const encoder = new HpackEncoder({ tableBytesMax });
        const decoder = new HpackDecoder({ tableBytesMax: 8192, listBytesMax: 65536 });
        const naive = new NaiveDecoder(8192, symbolOfBits);
        for (const { list, fresh, extra, sizes } of steps) {
          for (const size of sizes) encoder.setPeerTableBytes(size);
          const headers = fresh ? new HeaderList(lists[list] as string[]) : (known[list] as HeaderList);
          const block = encoder.encode(headers, extra);
          const sent = [...headers.fields, ...(extra ?? [])];
          expect(decoder.decode(block, 0, block.length)?.fields).toEqual(sent);
          expect(naive.decode(block)).toEqual(sent);
        }
      },
    ),
    fuzzParameters(0.1),
  );
});
