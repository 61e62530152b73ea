import { ListAccessesRequestSchema, type SocialSecurityService } from "@heddle/contracts/socialsecurity/v1";
import { nextPageToken, pageOf, takePage } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import type { Deps } from "./deps.ts";

const PAGE_SIZES = { defaultSize: 100, maxSize: 1000 } as const;

/** Lists the log in the order of its sequence. */
export const listAccesses =
  ({ accesses, store }: Pick<Deps, "accesses" | "store">): Handler<typeof SocialSecurityService.method.listAccesses> =>
  async (request) => {
    const { size, after } = pageOf(ListAccessesRequestSchema, request, PAGE_SIZES);
    const list = { customerId: request.customerId, after: Number(after?.[0] ?? 0), limit: size + 1 };
    const rows = await store.read((reader) => accesses.list(reader, list));
    const { items, last } = takePage(rows, size);
    return {
      accesses: items,
      nextPageToken: last ? nextPageToken(ListAccessesRequestSchema, request, [String(last.sequence)]) : "",
    };
  };
