import { expect, test } from "vitest";
import { nearestName } from "./nearest-name.ts";

const known = ["display_name", "email", "address", "address.city", "address.country_code", "id"];

test.each([
  ["dispaly_name", "display_name"],
  ["displayName", "display_name"],
  ["adress.city", "address.city"],
  ["EMAIL", "email"],
  ["emial", "email"],
  ["i", "id"],
])("%s was meant to be %s", (name, meant) => {
  expect(nearestName(name, known)).toBe(meant);
});

test("a name that is near to none has no neighbour", () => {
  expect(nearestName("shoe_size", known)).toBeUndefined();
  expect(nearestName("", known)).toBeUndefined();
  expect(nearestName("xy", ["id"])).toBeUndefined();
});

test("the nearest of several wins, and the first of equals", () => {
  expect(nearestName("emails", ["emailss", "email_s", "emails"])).toBe("emails");
  expect(nearestName("cats", ["bats", "rats"])).toBe("bats");
});

test("a name of a megabyte is not compared", () => {
  expect(nearestName("x".repeat(1_000_000), ["x".repeat(1_000_000)])).toBeUndefined();
});
