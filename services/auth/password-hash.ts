/** The cost of an argon2id hash (RFC 9106). */
export interface HashCost {
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
}

/** A password's hash as it is stored. */
export interface PasswordHash extends HashCost {
  readonly salt: Uint8Array;
  readonly tag: Uint8Array;
}

/** Version 1.3 of argon2, the only one that `node:crypto` makes. */
const VERSION = 19;

/** The hash in the PHC string format, such as `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<tag>`. */
export const formatPasswordHash = ({ memoryKib, passes, lanes, salt, tag }: PasswordHash): string =>
  `$argon2id$v=${VERSION}$m=${memoryKib},t=${passes},p=${lanes}$${base64(salt)}$${base64(tag)}`;

/** Reads what `formatPasswordHash` wrote. Throws an Error, which does not show the text, for anything else. */
export const parsePasswordHash = (phc: string): PasswordHash => {
  const found = PHC.exec(phc)?.groups;
  if (found === undefined) throw new Error("a stored password hash is not argon2id version 1.3 in PHC format");
  const { memoryKib, passes, lanes, salt = "", tag = "" } = found;
  return {
    memoryKib: Number(memoryKib),
    passes: Number(passes),
    lanes: Number(lanes),
    salt: Buffer.from(salt, "base64"),
    tag: Buffer.from(tag, "base64"),
  };
};

const PHC =
  /^\$argon2id\$v=19\$m=(?<memoryKib>\d{1,8}),t=(?<passes>\d{1,4}),p=(?<lanes>\d{1,3})\$(?<salt>[A-Za-z0-9+/]{11,86})\$(?<tag>[A-Za-z0-9+/]{16,86})$/;

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64").replace(/=+$/, "");
