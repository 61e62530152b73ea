import { expect, test } from "vitest";
import { capTimeout } from "./cap-timeout.ts";

test.each([
  ["grpc-timeout", "99999999H", "2147483S"],
  ["grpc-timeout", "2147484S", "2147483S"],
  ["grpc-timeout", "2147483S", "2147483S"],
  ["grpc-timeout", "99999999m", "99999999m"],
  ["grpc-timeout", "soon", "soon"],
  ["connect-timeout-ms", "2147483648", "2147483647"],
  ["connect-timeout-ms", "2147483647", "2147483647"],
  ["connect-timeout-ms", "12345678901", "12345678901"],
])("%s %s becomes %s", (name, before, after) => {
  const headers = { [name]: before };
  capTimeout(headers);
  expect(headers).toEqual({ [name]: after });
});

test("a request without a deadline gets none", () => {
  const headers = {};
  capTimeout(headers);
  expect(headers).toEqual({});
});
