import { expect, test } from "vitest";
import { ANONYMOUS, type Caller, LOCAL } from "./caller.ts";
import { callerName } from "./caller-name.ts";

const clerk: Caller = { ...ANONYMOUS, kind: "user", id: "usr_1", roles: ["clerk"] };

test("an identity is one caller, wherever it calls from", () => {
  expect(callerName(clerk, "192.0.2.1:4711")).toBe(callerName(clerk, "198.51.100.7:1"));
  const service: Caller = { ...ANONYMOUS, kind: "service", id: "usr_1" };
  expect(callerName(service, "192.0.2.1:4711")).not.toBe(callerName(clerk, "192.0.2.1:4711"));
  expect(callerName(LOCAL, "127.0.0.1:1")).toBe(callerName(LOCAL, "::1:2"));
});

test("without an identity it is the address, whatever the port", () => {
  const of = (peer: string) => callerName(ANONYMOUS, peer);
  expect(of("192.0.2.1:4711")).toBe(of("192.0.2.1:4712"));
  expect(of("192.0.2.1:4711")).not.toBe(of("192.0.2.2:4711"));
  expect(of("::ffff:192.0.2.1:4711")).toBe(of("192.0.2.1:1"));
});

test("an IPv6 network of 64 bits is one caller", () => {
  const of = (peer: string) => callerName(ANONYMOUS, peer);
  expect(of("2001:db8:1:2::1:4711")).toBe("address 2001:db8:1:2::/64");
  expect(of("[2001:db8:1:2:3:4:5:6]:4711")).toBe(of("2001:DB8:1:2::9:1"));
  expect(of("2001:db8::1:4711")).toBe("address 2001:db8:0:0::/64");
  expect(of("2001:db8:1:3::1:4711")).not.toBe(of("2001:db8:1:2::1:4711"));
  expect(of("fe80::1%eth0:4711")).toBe("address fe80:0:0:0::/64");
});
