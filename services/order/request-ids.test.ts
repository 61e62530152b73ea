import { expect, test } from "vitest";
import { requestIdFor } from "./request-ids.ts";

test("a request id is the same for ever for one request for one order, and another for any other", () => {
  // Written down: a release that changed it would charge twice what an earlier one had begun.
  expect(requestIdFor("authorize", `ord_${"0".repeat(26)}`)).toBe("463026ed-cd2a-5ca0-bedc-6b95c013c004");
  expect(requestIdFor("refund", "ord_1")).not.toBe(requestIdFor("authorize", "ord_1"));
  expect(requestIdFor("refund", "ord_1")).not.toBe(requestIdFor("refund", "ord_2"));
});

test("a request id is a UUID of version 5", () => {
  for (let i = 0; i < 50; i++) {
    expect(requestIdFor("refund", `ord_${i}`)).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  }
});
