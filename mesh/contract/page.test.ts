import { create } from "@bufbuild/protobuf";
import { ListCustomersRequestSchema } from "@heddle/contracts/customer/v1";
import { ListOrdersRequestSchema, OrderState } from "@heddle/contracts/order/v1";
import fc from "fast-check";
import { expect, test } from "vitest";
import { failureOf } from "./fixture-contract.ts";
import { nextPageToken, pageOf, takePage } from "./page.ts";

const sizes = { defaultSize: 50, maxSize: 500 };
const orders = (init: Parameters<typeof create<typeof ListOrdersRequestSchema>>[1]) =>
  create(ListOrdersRequestSchema, init);
const refused = { code: "InvalidArgument", reason: "PAGE_TOKEN_INVALID", domain: "order.v1", fields: ["page_token"] };

test.each([
  [0, 50],
  [1, 1],
  [500, 500],
  [501, 500],
  [2_147_483_647, 500],
])("a page_size of %i asks for %i rows", (pageSize, size) => {
  expect(pageOf(ListOrdersRequestSchema, orders({ pageSize }), sizes)).toEqual({ size, after: undefined });
});

test("a negative page_size is refused", async () => {
  expect(await failureOf(() => pageOf(ListOrdersRequestSchema, orders({ pageSize: -1 }), sizes))).toMatchObject({
    code: "InvalidArgument",
    reason: "PAGE_SIZE_INVALID",
    fields: ["page_size"],
  });
});

test("any key comes back from its token, with another page_size too", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "grapheme", maxLength: 20 }), { minLength: 1, maxLength: 4 }), (key) => {
      const states = [OrderState.CONFIRMED];
      const pageToken = nextPageToken(ListOrdersRequestSchema, orders({ states, pageSize: 10 }), key);
      expect(pageToken).toMatch(/^[\w-]+$/);
      expect(pageOf(ListOrdersRequestSchema, orders({ states, pageSize: 20, pageToken }), sizes).after).toEqual(key);
    }),
  );
});

test("a token is refused with other arguments, and says so", async () => {
  const pageToken = nextPageToken(ListOrdersRequestSchema, orders({ customerId: "cus_1" }), ["a"]);
  const failure = await failureOf(() =>
    pageOf(ListOrdersRequestSchema, orders({ customerId: "cus_2", pageToken }), sizes),
  );
  expect(failure).toMatchObject({ ...refused, message: expect.stringContaining("other arguments") });
});

test("a token of one list is refused by another", async () => {
  const pageToken = nextPageToken(ListCustomersRequestSchema, create(ListCustomersRequestSchema), ["a"]);
  expect(await failureOf(() => pageOf(ListOrdersRequestSchema, orders({ pageToken }), sizes))).toMatchObject(refused);
});

test("a token with any character changed is refused", async () => {
  const token = nextPageToken(ListOrdersRequestSchema, orders({}), ["ord_1", "2026"]);
  for (let i = 0; i < token.length; i++) {
    const pageToken = token.slice(0, i) + (token[i] === "A" ? "B" : "A") + token.slice(i + 1);
    expect(await failureOf(() => pageOf(ListOrdersRequestSchema, orders({ pageToken }), sizes))).toMatchObject(refused);
  }
});

test.each(["x", "0", "====", "AQ", "💥", `${"A".repeat(5000)}`])("the garbage %s is refused", async (pageToken) => {
  expect(await failureOf(() => pageOf(ListOrdersRequestSchema, orders({ pageToken }), sizes))).toMatchObject(refused);
});

test("a key that no token could hold is a programming error", () => {
  expect(() => nextPageToken(ListOrdersRequestSchema, orders({}), ["k".repeat(2000)])).toThrow(RangeError);
});

test("one row more than the page says that the list goes on", () => {
  expect(takePage([1, 2, 3], 2)).toEqual({ items: [1, 2], more: true, last: 2 });
  expect(takePage([1, 2], 2)).toEqual({ items: [1, 2], more: false, last: undefined });
  expect(takePage([], 2)).toEqual({ items: [], more: false, last: undefined });
});
