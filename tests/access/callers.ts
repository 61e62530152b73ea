import { createPublicKey } from "node:crypto";
import { createClient, type Transport } from "@connectrpc/connect";
import { AuthService } from "@heddle/contracts/auth/v1";
import { IDENTITY_HEADER, signWorkloadToken } from "@heddle/mesh/identity";
import { systemClock } from "@heddle/mesh/runtime";
import { vi } from "vitest";
import { claimsOf, hmacTokenOf, testKey, tokenOf, unsignedTokenOf } from "../../mesh/identity/fixtures/tokens.ts";

/** Somebody who calls, and what the contract has to say of them. */
export interface TestCaller {
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly roles?: readonly string[];
  readonly service?: string;
  /** The reason for which what they carry proves nothing. */
  readonly refusedFor?: "CREDENTIALS_MISSING" | "TOKEN_INVALID" | "TOKEN_EXPIRED";
}

/** Who becomes operator by registering, see HEDDLE_AUTH_OPERATOR_EMAIL. */
export const OPERATOR_EMAIL = "operator@example.com";
const PASSWORD = "a-loom-has-many-heddles";

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** Registers users, one for each role and one without, and signs them in. */
export const signInUsers = async (transport: Transport) => {
  const auth = createClient(AuthService, transport);
  const signIn = async (email: string) => {
    const { user, tokens } = await auth.login({ email, password: PASSWORD });
    return { userId: user?.id ?? "", token: tokens?.accessToken ?? "" };
  };
  const register = async (email: string) => (await auth.registerUser({ email, password: PASSWORD })).user?.id ?? "";
  await register(OPERATOR_EMAIL);
  const operator = await signIn(OPERATOR_EMAIL);
  const withRole = async (name: string, roles: string[]) => {
    const email = `${name}@example.com`;
    const userId = await register(email);
    const setRoles = () => auth.setUserRoles({ userId, roles }, { headers: bearer(operator.token) });
    // A mesh that has just started may have to ask for its keys first, and says so.
    await vi.waitFor(setRoles, { timeout: 5_000 });
    return signIn(email);
  };
  const clerk = await withRole("clerk", ["clerk"]);
  const auditor = await withRole("auditor", ["auditor"]);
  const nobody = await withRole("nobody", []);
  return { operator, clerk, auditor, nobody, signIn };
};

/** Everybody who may and who may not call, `users` among them, and those who only say so. */
export const allCallers = async (
  transport: Transport,
  users: Awaited<ReturnType<typeof signInUsers>>,
  identityKey: Uint8Array,
): Promise<TestCaller[]> => {
  const nowMs = systemClock.nowMs();
  const { keys } = await createClient(AuthService, transport).getSigningKeys({});
  const [{ kid = "", x = "" } = {}] = keys;
  // A key of ours by the name of auth's.
  const own = {
    ...testKey(kid),
    x,
    publicKey: createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" }),
  };
  const operator = claimsOf(nowMs, ["operator", "clerk", "auditor"]);
  const [header, , signature] = users.clerk.token.split(".");
  const raised = Buffer.from(JSON.stringify(operator)).toString("base64url");
  const workload = (service: string, key = identityKey, expiresMs = nowMs + 300_000) => ({
    [IDENTITY_HEADER]: signWorkloadToken({ service, instanceId: "ins_test" }, key, expiresMs),
  });
  const forged = (name: string, headers: Record<string, string>): TestCaller => ({
    name,
    headers,
    refusedFor: "TOKEN_INVALID",
  });
  return [
    { name: "nobody", headers: {}, refusedFor: "CREDENTIALS_MISSING" },
    { name: "a user", headers: bearer(users.nobody.token), roles: [] },
    { name: "a clerk", headers: bearer(users.clerk.token), roles: ["clerk"] },
    { name: "an auditor", headers: bearer(users.auditor.token), roles: ["auditor"] },
    { name: "an operator", headers: bearer(users.operator.token), roles: ["operator"] },
    { name: "order", headers: workload("order"), service: "order" },
    { name: "overview", headers: workload("overview"), service: "overview" },
    { name: "a service that nobody knows", headers: workload("stranger"), service: "stranger" },
    {
      name: "overview for a user",
      headers: { ...bearer(users.nobody.token), ...workload("overview") },
      roles: [],
      service: "overview",
    },
    forged("a token without a signature", bearer(unsignedTokenOf(operator))),
    forged("a token signed with the public key as a secret", bearer(hmacTokenOf(own, operator))),
    forged("a token of another key", bearer(tokenOf(own, operator))),
    forged("a token of a key that nobody knows", bearer(tokenOf(testKey("made-up"), operator))),
    forged("a token whose roles were changed", bearer(`${header}.${raised}.${signature}`)),
    forged("a password", { authorization: `Basic ${Buffer.from(`${OPERATOR_EMAIL}:${PASSWORD}`).toString("base64")}` }),
    forged("the identity of another mesh", workload("order", Buffer.from("k".repeat(43)))),
    forged("an identity that has expired", workload("order", identityKey, nowMs - 60_000)),
    forged("a name", { [IDENTITY_HEADER]: "order" }),
  ];
};
