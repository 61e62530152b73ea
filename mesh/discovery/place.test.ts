import { expect, test } from "vitest";
import { parsePlaces } from "./place.ts";

test("places are addresses, hosts and names of SRV records, by package", () => {
  const text = "customer.v1=10.0.0.1:4000, [::1]:4001;order.v1=dns:order.internal:80,srv:_grpc._tcp.order.internal;";
  expect([...parsePlaces(text)]).toEqual([
    [
      "customer.v1",
      [
        { kind: "address", address: "10.0.0.1:4000" },
        { kind: "address", address: "[::1]:4001" },
      ],
    ],
    [
      "order.v1",
      [
        { kind: "host", at: { host: "order.internal", port: 80 } },
        { kind: "srv", name: "_grpc._tcp.order.internal" },
      ],
    ],
  ]);
  expect(parsePlaces("").size).toBe(0);
});

test.each([
  ["customer.v1", "is not like"],
  ["=10.0.0.1:4000", "is not like"],
  ["Customer=10.0.0.1:4000", "is not like"],
  ["customer.v1=10.0.0.1", "is no address"],
  ["customer.v1=dns:host", "is no address"],
  ["customer.v1=srv:order.internal", "is no name of SRV records"],
  ["customer.v1=10.0.0.1:1;customer.v1=10.0.0.1:2", "twice"],
])("%s is refused: %s", (text, why) => {
  expect(() => parsePlaces(text)).toThrow(why);
});
