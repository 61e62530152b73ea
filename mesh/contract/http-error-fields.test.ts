import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { fail, reasons } from "./fail.ts";
import { httpErrorFields } from "./http-error-fields.ts";

const reason = reasons("heddle.test");

test("an error that says when to try again says so in whole seconds", () => {
  const busy = reason("BUSY", Code.Unavailable, "Busy.");
  expect(httpErrorFields(fail(busy, {}, { retryDelayMs: 1_200 }))).toEqual(["retry-after", "2"]);
  expect(httpErrorFields(fail(busy, {}))).toEqual([]);
});

test.each([
  ["CREDENTIALS_MISSING", "Bearer"],
  ["TOKEN_EXPIRED", 'Bearer error="invalid_token"'],
])("whoever is refused by %s learns what to be authenticated by: %s", (name, challenge) => {
  const refused = fail(reason(name, Code.Unauthenticated, "Who are you?"), {});
  expect(httpErrorFields(refused)).toEqual(["www-authenticate", challenge]);
});
