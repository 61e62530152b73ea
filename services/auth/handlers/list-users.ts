import { type AuthService, ListUsersRequestSchema } from "@heddle/contracts/auth/v1";
import { nextPageToken, pageOf, takePage } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import type { Deps } from "./deps.ts";

const PAGE_SIZES = { defaultSize: 50, maxSize: 500 } as const;

/** Lists users in the order of their registration. */
export const listUsers =
  ({ users, store }: Pick<Deps, "users" | "store">): Handler<typeof AuthService.method.listUsers> =>
  async (request) => {
    const { size, after } = pageOf(ListUsersRequestSchema, request, PAGE_SIZES);
    const { email } = request;
    const rows = await store.read((reader) =>
      users.list(reader, { email, afterId: after?.[0] ?? "", limit: size + 1 }),
    );
    const { items, last } = takePage(rows, size);
    return { users: items, nextPageToken: last ? nextPageToken(ListUsersRequestSchema, request, [last.id]) : "" };
  };
