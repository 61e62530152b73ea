/** What an access token says of its holder. Nothing of it is checked here: the mesh does that. */
export interface TokenDescription {
  readonly userId: string;
  readonly roles: readonly string[];
  /** Milliseconds since the epoch. */
  readonly expiresMs: number;
}

/** Reads a token; undefined where it is no token of ours. */
export const describeToken = (token: string): TokenDescription | undefined => {
  try {
    const said = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
    if (typeof said?.sub !== "string" || typeof said.exp !== "number") return undefined;
    const roles = Array.isArray(said.roles) ? said.roles.map(String) : [];
    return { userId: said.sub, roles, expiresMs: said.exp * 1000 };
  } catch {
    return undefined;
  }
};

/** `usr_…, with the role clerk` */
export const inWords = (described: TokenDescription | undefined): string => {
  if (described === undefined) return "by a token that cannot be read";
  const { userId, roles } = described;
  if (roles.length === 0) return `${userId}, without a role`;
  return `${userId}, with the role${roles.length === 1 ? "" : "s"} ${roles.join(", ")}`;
};
