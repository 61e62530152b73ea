import type { AuthService } from "@heddle/contracts/auth/v1";
import type { Handler } from "@heddle/mesh/rpc";
import { hashRefreshToken, parseRefreshToken } from "../refresh-token.ts";
import type { Deps } from "./deps.ts";

/** Closes the session of a refresh token, also of one that was used. A token that nobody knows changes nothing. */
export const logout =
  ({ sessions, store }: Pick<Deps, "sessions" | "store">): Handler<typeof AuthService.method.logout> =>
  async ({ refreshToken }) => {
    const token = parseRefreshToken(refreshToken);
    if (token === undefined) return {};
    const { familyHash } = hashRefreshToken(token);
    const session = await store.read((reader) => sessions.find(reader, familyHash));
    if (session !== undefined) await store.write((tx) => sessions.close(tx, familyHash));
    return {};
  };
