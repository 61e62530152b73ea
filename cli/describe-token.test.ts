import { expect, test } from "vitest";
import { describeToken, inWords } from "./describe-token.ts";

const tokenOf = (payload: unknown): string => `e30.${Buffer.from(JSON.stringify(payload)).toString("base64url")}.x`;

test("a token says who, with which roles, and until when", () => {
  const described = describeToken(tokenOf({ sub: "usr_1", roles: ["clerk", "auditor"], exp: 7 }));
  expect(described).toEqual({ userId: "usr_1", roles: ["clerk", "auditor"], expiresMs: 7_000 });
  expect(inWords(described)).toBe("usr_1, with the roles clerk, auditor");
  expect(inWords(describeToken(tokenOf({ sub: "usr_1", exp: 7 })))).toBe("usr_1, without a role");
});

test.each(["", "abc", "a.b.c", tokenOf(null), tokenOf({ sub: 1, exp: 1 }), tokenOf({ sub: "usr_1" })])(
  "%j is no token of ours",
  (token) => {
    expect(describeToken(token)).toBeUndefined();
  },
);
