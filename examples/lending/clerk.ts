import process from "node:process";
import { type Connection, held, type Mesh, unless } from "./mesh.ts";
import { requestId } from "./request-id.ts";

/** Who does the job; `HEDDLE_CLERK_PASSWORD` names another password. */
const EMAIL = "clerk@example.com";
const PASSWORD = process.env.HEDDLE_CLERK_PASSWORD || "a-loom-has-many-heddles";

/** A clerk works with customers, an auditor reads the books. */
const ROLES = ["auditor", "clerk"];

/**
 * Signs the clerk in, and registers it before where it is new. Granting the roles is an operator's right: of the one whose token
 * HEDDLE_TOKEN holds, or of the local user, who needs none.
 */
export const workAsClerk = async (connection: Connection): Promise<{ mesh: Mesh; logout(): Promise<void> }> => {
  const { auth } = connection.mesh();
  const registration = { email: EMAIL, password: PASSWORD, requestId: requestId("clerk", EMAIL) };
  await unless("USER_EMAIL_TAKEN", auth.registerUser(registration), () => undefined);
  const first = await auth.login({ email: EMAIL, password: PASSWORD });
  const user = held(first.user, "user");
  if (ROLES.every((role) => user.roles.includes(role))) return signedIn(connection, first);
  const roles = [...new Set([...user.roles, ...ROLES])].sort();
  await connection.mesh(process.env.HEDDLE_TOKEN || undefined).auth.setUserRoles({ userId: user.id, roles });
  // A token keeps the roles that its user had when it was made.
  const second = await auth.login({ email: EMAIL, password: PASSWORD });
  await auth.logout({ refreshToken: first.tokens?.refreshToken ?? "" });
  return signedIn(connection, second);
};

const signedIn = (connection: Connection, { tokens }: Awaited<ReturnType<Mesh["auth"]["login"]>>) => {
  const { accessToken, refreshToken } = held(tokens, "tokens");
  const mesh = connection.mesh(accessToken);
  return {
    mesh,
    async logout() {
      await mesh.auth.logout({ refreshToken });
    },
  };
};
