import { type AuthService, UserRegisteredSchema } from "@heddle/contracts/auth/v1";
import type { Handler } from "@heddle/mesh/rpc";
import type { Tx } from "@heddle/mesh/store";
import { foldEmail, newUser, OPERATOR } from "../user.ts";
import type { Deps } from "./deps.ts";

/** Creates a user. The same request_id returns the user that its first call created. */
export const registerUser =
  (deps: Deps): Handler<typeof AuthService.method.registerUser> =>
  async ({ email, password }, { signal }) => {
    const { users, passwords, slots, store, clock, ids, log } = deps;
    const phc = await slots.run(() => passwords.hash(password), signal);
    const registered = await store.write(async (tx) => {
      const roles = await firstRoles(tx, deps, email);
      const user = newUser({ id: ids.next("usr"), email, roles, now: clock.now() });
      await users.insert(tx, user, phc);
      await tx.publish(UserRegisteredSchema, { user });
      return { user };
    });
    const { id: userId, roles } = registered.user;
    if (roles.includes(OPERATOR)) log.warn({ userId }, "the first operator is registered");
    return registered;
  };

/** Nobody could give the first operator the role: it is the one whom the environment names. */
const firstRoles = async (
  tx: Tx,
  { users, operatorEmail }: Pick<Deps, "users" | "operatorEmail">,
  email: string,
): Promise<string[]> => {
  if (operatorEmail === undefined || foldEmail(email) !== foldEmail(operatorEmail)) return [];
  return (await users.hasOperator(tx)) ? [] : [OPERATOR];
};
