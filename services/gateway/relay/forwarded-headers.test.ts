import { HeaderList } from "@heddle/mesh/wire";
import { expect, test } from "vitest";
import { createForwarder } from "./forwarded-headers.ts";

const CALLER = "192.0.2.1:4711";

/** What the gateway `ins_me` makes of a call with these headers. */
const forwarder = () => {
  const forward = createForwarder("ins_me");
  return (headers: Readonly<Record<string, string>> = {}, peer = CALLER) =>
    forward(HeaderList.of({ ":method": "POST", ":scheme": "https", ":path": "/loom.v1.Loom/Weave", ...headers }), peer);
};

test("calls that send the same share one list, whoever sends them", () => {
  const forward = forwarder();
  const { list } = forward({ "user-agent": "a", authorization: "Bearer 1", traceparent: "00-1" });
  expect(forward({ "user-agent": "a", authorization: "Bearer 2", traceparent: "00-2" }, "192.0.2.2:1").list).toBe(list);
  expect(forward({ "user-agent": "b" }).list).not.toBe(list);
  expect(forward({ "user-agent": "a" }).list).toBe(list);
});

test("a long list is not kept: its caller chose it", () => {
  const forward = forwarder();
  const long = { "x-long": "x".repeat(2_000) };
  const { list } = forward(long);
  expect(list.get("x-long")).toBe(long["x-long"]);
  expect(forward(long).list).not.toBe(list);
  const path = { ":path": `/loom.v1.Loom/Weave?${"x".repeat(2_000)}` };
  expect(forward(path).list).not.toBe(forward(path).list);
});

test("neither many targets nor many variants of one are kept", () => {
  const forward = forwarder();
  const { list } = forward();
  for (let index = 0; index < 1_000; index++) forward({ ":path": `/loom.v1.Loom/Weave?${index}` });
  expect(forward().list).not.toBe(list);
  const again = forward().list;
  for (let index = 0; index < 100; index++) forward({ "x-index": String(index) });
  expect(forward().list).not.toBe(again);
});

test.each([
  ["2.0 ins_me", true],
  ["1.1 proxy, 2.0 ins_me", true],
  ["2.0 ins_me, 1.1 proxy", true],
  ["2.0 ins_measure", false],
  ["2.0 not_ins_me, 1.1 proxy", false],
  ["2.0 proxy (ins_me)", false],
  ["", false],
  [",,", false],
])("a call that came via %j has passed this gateway before: %s", (via, isLoop) => {
  const forwarded = forwarder()({ via });
  expect(forwarded.isLoop).toBe(isLoop);
  expect(forwarded.list.get("via")).toBe(via === "" ? "2.0 ins_me" : `${via}, 2.0 ins_me`);
});

test("hops that stand in several via fields are all looked at, and go on", () => {
  const fields = [":method", "POST", ":path", "/a", "via", "1.1 one, 2.0 ins_me", "via", "1.1 two"];
  const { list, isLoop } = createForwarder("ins_me")(new HeaderList(fields), CALLER);
  expect(isLoop).toBe(true);
  expect(list.get("via")).toBe("1.1 one, 2.0 ins_me, 1.1 two, 2.0 ins_me");
});

test.each([
  ["192.0.2.1:4711", "192.0.2.1"],
  ["[2001:db8::1]:4711", "[2001:db8::1]"],
  ["memory", "memory"],
])("an instance learns from the gateway alone where a call from %s came from", (peer, host) => {
  const said = { forwarded: "for=10.0.0.1", "x-forwarded-for": "10.0.0.1", "x-real-ip": "10.0.0.1" };
  const { list, changing } = forwarder()(said, peer);
  expect([...list.fields, ...changing].join(" ")).not.toContain("10.0.0.1");
  expect(changing).toEqual(["x-forwarded-for", host]);
});

test("what concerns one connection alone stays behind", () => {
  const hop = {
    connection: "keep-alive, x-once",
    host: "other",
    "http2-settings": "AA",
    "keep-alive": "timeout=5",
    "proxy-connection": "keep-alive",
    te: "gzip",
    "transfer-encoding": "chunked",
    upgrade: "h2c",
  };
  const { list } = forwarder()({ ...hop, ":authority": "loom", "x-kept": "1" });
  expect(list.fields).toEqual([
    ...[":method", "POST", ":scheme", "http", ":authority", "loom", ":path", "/loom.v1.Loom/Weave"],
    ...["x-kept", "1", "te", "trailers", "via", "2.0 ins_me"],
  ]);
});

test("what changes from call to call stands apart, and so does the caller's trace", () => {
  const each = {
    authorization: "Bearer 1",
    "connect-timeout-ms": "5",
    "content-length": "7",
    cookie: "a=b",
    "grpc-timeout": "5m",
  };
  const { list, changing, traceparent } = forwarder()({ ...each, traceparent: "00-1" });
  const told = { ...each, "grpc-timeout": "3m" };
  expect(changing).toEqual([...Object.entries(told).flat(), "x-forwarded-for", "192.0.2.1"]);
  expect(traceparent).toBe("00-1");
  for (const name of [...Object.keys(each), "traceparent"]) expect(list.get(name)).toBeUndefined();
});

test("of a deadline the way back is kept, and a call without time for that is late", () => {
  const timeoutOf = (value: string) => {
    const { changing, isLate } = forwarder()({ "grpc-timeout": value });
    return [changing[changing.indexOf("grpc-timeout") + 1], isLate];
  };
  expect(["1S", "3m", "2999u", "0m", "soon"].map(timeoutOf)).toEqual([
    ["998m", false],
    ["1m", false],
    ["1m", true],
    ["1m", true],
    ["soon", false],
  ]);
});
