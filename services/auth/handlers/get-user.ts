import type { AuthService } from "@heddle/contracts/auth/v1";
import { fail } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import { USER_NOT_FOUND } from "../errors.ts";
import type { Deps } from "./deps.ts";

/** Returns one user. */
export const getUser =
  ({ users, store }: Pick<Deps, "users" | "store">): Handler<typeof AuthService.method.getUser> =>
  async ({ userId }) => {
    const user = await store.read((reader) => users.find(reader, userId));
    if (user === undefined) throw fail(USER_NOT_FOUND, { userId });
    return { user };
  };
