import { type CustomerService, ListCustomersRequestSchema } from "@heddle/contracts/customer/v1";
import { nextPageToken, pageOf, takePage } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import type { Deps } from "./deps.ts";

const PAGE_SIZES = { defaultSize: 50, maxSize: 500 } as const;

/** Lists customers in the order of their creation. */
export const listCustomers =
  ({ customers, store }: Pick<Deps, "customers" | "store">): Handler<typeof CustomerService.method.listCustomers> =>
  async (request) => {
    const { size, after } = pageOf(ListCustomersRequestSchema, request, PAGE_SIZES);
    const { email, showDeleted } = request;
    const rows = await store.read((reader) =>
      customers.list(reader, { email, showDeleted, afterId: after?.[0] ?? "", limit: size + 1 }),
    );
    const { items, more, last } = takePage(rows, size);
    return {
      customers: items,
      nextPageToken: more && last ? nextPageToken(ListCustomersRequestSchema, request, [last.id]) : "",
    };
  };
