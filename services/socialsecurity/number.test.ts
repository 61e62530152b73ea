import { expectFailure } from "@heddle/mesh/testing";
import { expect, test } from "vitest";
import { formatNumber, issuedNumber, lastFourOf, maskNumber, normalizeNumber, refuseNumberIn } from "./number.ts";

test("both forms of a number are the same nine digits", () => {
  expect(normalizeNumber("123-45-6789")).toBe("123456789");
  expect(normalizeNumber("123456789")).toBe("123456789");
  expect(formatNumber("123456789")).toBe("123-45-6789");
});

test("the mask shows the last four digits", () => {
  expect(maskNumber(lastFourOf("123456789"))).toBe("***-**-6789");
});

test.each([
  ["000-45-6789", "area"],
  ["666-45-6789", "area"],
  ["900-45-6789", "area"],
  ["999456789", "area"],
  ["123-00-6789", "group"],
  ["123-45-0000", "serial"],
  ["123-45-67890", "nine digits"],
  ["abc-de-fghi", "nine digits"],
])("the number %s is never issued, and its refusal names the %s only", async (number, part) => {
  const failure = await expectFailure((async () => issuedNumber(number))());
  expect(failure).toMatchObject({ code: "InvalidArgument", reason: "NUMBER_NEVER_ISSUED", fields: ["number"] });
  expect(failure.message).toContain(part);
  expect(JSON.stringify(failure)).not.toContain(number);
});

test.each(["001-01-0001", "665-99-9999", "667-01-0001", "899999999"])(
  "the number %s can have been issued",
  (number) => {
    expect(issuedNumber(number)).toBe(normalizeNumber(number));
  },
);

test.each(["customer 123-45-6789 asked", "ssn 123456789", "123 45 6789 by phone", "is 123.45.6789."])(
  "the reason %o is refused, and not shown",
  async (reason) => {
    const failure = await expectFailure((async () => refuseNumberIn(reason))());
    expect(failure).toMatchObject({ code: "InvalidArgument", reason: "REASON_HOLDS_NUMBER", fields: ["reason"] });
    expect(JSON.stringify(failure)).not.toContain("6789");
  },
);

test.each(["tax form for 2026-01-31", "phone +12025550123", "ticket 000-12-3456", "case 1234567890"])(
  "the reason %o is allowed",
  (reason) => {
    expect(() => refuseNumberIn(reason)).not.toThrow();
  },
);
