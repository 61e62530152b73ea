import { expect, test } from "vitest";
import { HeaderList } from "../wire/index.ts";
import { isLoopbackHost, notLocalBecause } from "./local-call.ts";

const call = (headers: Record<string, string | undefined> = {}, peer = "127.0.0.1:40123", pages: string[] = []) =>
  notLocalBecause(HeaderList.of({ ":path": "/", ":authority": "localhost:8080", ...headers }), peer, pages);

test.each(["127.0.0.1:1", "127.9.9.9:1", "::1:40123", "::ffff:127.0.0.1:40123", "memory"])(
  "a call from %s is local",
  (peer) => {
    expect(call({}, peer)).toBeUndefined();
  },
);

test.each([
  "10.0.0.1:1",
  "2001:db8::1:40123",
  "::ffff:10.0.0.1:1",
  "unknown",
  "",
  "128.0.0.1:1",
  "127.0.0.1.evil.example:1",
])("a call from %s is not", (peer) => {
  expect(call({}, peer)).toContain("another machine");
});

test.each(["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "app.localhost:8080", "LocalHost"])(
  "one that asks for %s is local",
  (authority) => {
    expect(call({ ":authority": authority })).toBeUndefined();
  },
);

test.each([
  "evil.example",
  "localhost.evil.example",
  "127.0.0.1.nip.io:8080",
  "192.168.1.7:8080",
  "heddle",
  "memory",
  "",
])("one that asks for %j is not, whose name may be made to lead here", (authority) => {
  expect(call({ ":authority": authority })).toContain("asks for the host");
});

test("one that asks for two hosts is not", () => {
  expect(call({ host: "127.0.0.1:8080" })).toContain("two hosts");
  expect(call({ host: "localhost:8080" })).toBeUndefined();
});

test("a page of the gateway's own may call, another may not", () => {
  expect(call({ origin: "http://localhost:8080" })).toBeUndefined();
  expect(call({ origin: "http://localhost:8080", "sec-fetch-site": "same-origin" })).toBeUndefined();
  expect(call({ "sec-fetch-site": "none" })).toBeUndefined();
  for (const origin of ["http://localhost:3000", "http://evil.example", "null", "file://", "http://127.0.0.1:8080"])
    expect(call({ origin }), origin).toContain("another origin");
  for (const site of ["cross-site", "same-site", "anything"])
    expect(call({ "sec-fetch-site": site }), site).toContain("another origin");
});

test("a page whose origin is named may call, from this machine", () => {
  const headers = { origin: "http://localhost:5173", "sec-fetch-site": "same-site" };
  expect(call(headers, undefined, ["http://localhost:5173"])).toBeUndefined();
  expect(call(headers, undefined, ["http://localhost:5174"])).toContain("another origin");
  expect(call({ "sec-fetch-site": "cross-site" }, undefined, ["http://localhost:5173"])).toContain("another origin");
  expect(call(headers, "10.0.0.1:1", ["http://localhost:5173"])).toContain("another machine");
});

test.each<Record<string, string>>([
  { "x-forwarded-for": "10.0.0.1" },
  { "x-forwarded-for": "127.0.0.1, 10.0.0.1" },
  { "x-forwarded-for": "" },
  { "x-real-ip": "10.0.0.1" },
  { forwarded: "for=10.0.0.1" },
  { forwarded: "for=127.0.0.1, for=10.0.0.1" },
  { forwarded: "proto=https" },
  { forwarded: "for=_hidden" },
])("a call that a proxy forwarded from elsewhere is not local: %o", (headers) => {
  expect(call(headers)).toContain("forwarded from another machine");
});

test.each<Record<string, string>>([
  { "x-forwarded-for": "127.0.0.1" },
  { "x-forwarded-for": "::1, 127.0.0.1" },
  { forwarded: 'for="[::1]:1234";proto=http' },
  { forwarded: "proto=http;for=127.0.0.1" },
])("one that was forwarded from here is: %o", (headers) => {
  expect(call(headers)).toBeUndefined();
});

test("what a gateway makes itself is addressed by no name, and says by what it came", () => {
  expect(call({ ":authority": "heddle", via: "2.0 ins_1", origin: "http://localhost:8080" })).toBeUndefined();
  expect(call({ ":authority": "evil.example", via: "2.0 ins_1" })).toContain("asks for the host");
  expect(call({ ":authority": "heddle", via: "2.0 ins_1", "x-forwarded-for": "10.0.0.1" })).toContain("forwarded");
  expect(call({ ":authority": "memory" }, "memory")).toBeUndefined();
  expect(call({ ":authority": "memory", "x-forwarded-for": "10.0.0.1" }, "memory")).toContain("forwarded");
  expect(call({ ":authority": undefined })).toBeUndefined();
});

test("hosts are taken as a whole", () => {
  expect(["localhost", "127.0.0.1", "::1", "[::1]:80"].every(isLoopbackHost)).toBe(true);
  expect(["127.0.0.1@evil.example", "127.0.0.1/evil", "localhost evil", "127.0.0.1:80:80"].some(isLoopbackHost)).toBe(
    false,
  );
});
