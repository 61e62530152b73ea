import { gunzipSync } from "node:zlib";
import { systemRuntime } from "@heddle/mesh/runtime";
import { FakeStream } from "@heddle/mesh/testing";
import { HeaderList } from "@heddle/mesh/wire";
import { expect, test } from "vitest";
import { type Page, respondPage, takesGzip } from "./respond-page.ts";

const { timers } = systemRuntime();
const LONG = Buffer.from("heddle ".repeat(1_000));

const answer = (page: Page, headers: Record<string, string> = {}) => {
  const stream = new FakeStream({ receivedEnd: true });
  respondPage(stream, HeaderList.of({ ":method": "GET", ...headers }), page, timers);
  return stream.sent;
};

test("a page has its type, its length and its further fields", () => {
  const page = { type: "text/plain", body: Buffer.from("ok"), fields: ["etag", '"1"'] };
  expect(answer(page)).toEqual([
    [
      "headers",
      { ":status": "200", "content-type": "text/plain; charset=utf-8", etag: '"1"', "content-length": "2" },
      "more",
    ],
    ["data", "ok", "end"],
  ]);
  expect(answer({ status: 304 })).toEqual([["headers", { ":status": "304" }, "end"]]);
});

test("HEAD gets the same without the body", () => {
  const [head, ...rest] = answer({ type: "text/plain", body: LONG }, { ":method": "HEAD", "accept-encoding": "gzip" });
  expect(head).toMatchObject(["headers", { "content-encoding": "gzip" }, "end"]);
  expect(rest).toEqual([]);
});

test("a long page is compressed for who takes that, and says on what it depends", () => {
  const [head, body] = answer({ type: "text/css", body: LONG }, { "accept-encoding": "br, gzip" });
  expect(head).toMatchObject(["headers", { "content-encoding": "gzip", vary: "accept-encoding" }, "more"]);
  expect(gunzipSync(Buffer.from(String(body?.[1]), "latin1")).equals(LONG)).toBe(true);
  expect(answer({ body: LONG })[0]).toEqual([
    "headers",
    { ":status": "200", vary: "accept-encoding", "content-length": "7000" },
    "more",
  ]);
});

test("one so long that it is compressed elsewhere arrives whole", async () => {
  const stream = new FakeStream({ receivedEnd: true });
  const body = Buffer.alloc(1 << 20, "heddle");
  respondPage(stream, HeaderList.of({ ":method": "GET", "accept-encoding": "gzip" }), { body }, timers);
  await expect.poll(() => stream.sent.length).toBe(2);
  expect(gunzipSync(Buffer.from(String(stream.sent[1]?.[1]), "latin1")).equals(body)).toBe(true);
});

test.each([
  [undefined, false],
  ["gzip", true],
  ["br;q=1, GZIP;q=0.5", true],
  ["*", true],
  ["gzip;q=0, *", false],
  ["*;q=0", false],
  ["identity", false],
  ["gzip;q=0.0", false],
  ["gzip;q=0.01", true],
])("accept-encoding %s: gzip %s", (accept, expected) => {
  expect(takesGzip(HeaderList.of({ "accept-encoding": accept }))).toBe(expected);
});
