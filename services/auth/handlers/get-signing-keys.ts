import type { AuthService } from "@heddle/contracts/auth/v1";
import type { Handler } from "@heddle/mesh/rpc";
import { publicJwk } from "../signing-key.ts";
import type { Deps } from "./deps.ts";

/** Returns the public keys of the access tokens that are good, the current one first. */
export const getSigningKeys =
  ({ signingKeys }: Pick<Deps, "signingKeys">): Handler<typeof AuthService.method.getSigningKeys> =>
  async () => ({ keys: (await signingKeys.published()).map(publicJwk) });
