import { type AuthService, UserRolesChangedSchema, UserSchema } from "@heddle/contracts/auth/v1";
import { checkEtag, fail } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import { USER_NOT_FOUND } from "../errors.ts";
import { userWithRoles } from "../user.ts";
import type { Deps } from "./deps.ts";

/** Replaces the roles of a user. */
export const setUserRoles =
  ({ users, store, clock }: Pick<Deps, "users" | "store" | "clock">): Handler<typeof AuthService.method.setUserRoles> =>
  ({ userId, roles, etag }) =>
    store.write(async (tx) => {
      const current = await users.find(tx, userId);
      if (current === undefined) throw fail(USER_NOT_FOUND, { userId });
      const user = userWithRoles(current, roles, clock.now());
      // A repetition of a change that was made is harmless, although its etag is stale by then.
      if (user === current) return { user };
      checkEtag(UserSchema, etag, current.etag);
      await users.updateRoles(tx, user);
      await tx.publish(UserRolesChangedSchema, { user });
      return { user };
    });
