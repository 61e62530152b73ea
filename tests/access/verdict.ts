import { type DescMethod, getOption } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@heddle/contracts/google/rpc";
import { access } from "@heddle/contracts/heddle/options/v1";
import { systemTimers } from "@heddle/mesh/runtime";
import type { TestCaller } from "./callers.ts";

const REFUSALS = new Set(["CREDENTIALS_MISSING", "TOKEN_INVALID", "TOKEN_EXPIRED", "ACCESS_DENIED"]);

/** Milliseconds for a machine that has much else to do: every method answers an empty request at once, streams too. */
const TIMEOUT_MS = 60_000;

/** What the contract of a method demands for a caller: `in`, or the reason of the refusal. Reads the option anew, on purpose. */
export const demanded = (method: DescMethod, { roles = [], service, refusedFor }: TestCaller): string => {
  const allowed = getOption(method, access);
  if (allowed.public) return "in";
  if (refusedFor !== undefined) return refusedFor;
  const byRole = roles.some((role) => allowed.roles.includes(role));
  const byService = service !== undefined && (allowed.services.includes("*") || allowed.services.includes(service));
  return byRole || byService ? "in" : "ACCESS_DENIED";
};

/** What a call of a method with an empty request comes to: `in` where it got past the access, whatever became of it. */
export const verdict = async (
  transport: Transport,
  method: DescMethod,
  headers: Readonly<Record<string, string>>,
): Promise<string> => {
  for (;;) {
    const error = await failureOf(transport, method, headers);
    if (error === undefined) return "in";
    const reason = error.findDetails(ErrorInfoSchema)[0]?.reason ?? "";
    // A key that nobody knows is asked for first.
    if (reason === "KEYS_UNKNOWN") await systemTimers.sleep(50);
    else if (REFUSALS.has(reason)) {
      const code = reason === "ACCESS_DENIED" ? Code.PermissionDenied : Code.Unauthenticated;
      return error.code === code ? reason : `${reason} as ${Code[error.code]}`;
    } else if (error.code === Code.Unauthenticated && method.name !== "RefreshSession") {
      return `Unauthenticated for ${reason || error.rawMessage}`;
    } else return "in";
  }
};

async function* none() {}

async function* one() {
  yield {};
}

const failureOf = async (
  transport: Transport,
  method: DescMethod,
  headers: Readonly<Record<string, string>>,
): Promise<ConnectError | undefined> => {
  try {
    if (method.methodKind === "unary") {
      await transport.unary(method as never, undefined, TIMEOUT_MS, headers, {});
      return undefined;
    }
    const requests = method.methodKind === "server_streaming" ? one() : none();
    const { message } = await transport.stream(method as never, undefined, TIMEOUT_MS, headers, requests as never);
    for await (const _ of message) return undefined;
    return undefined;
  } catch (error) {
    return ConnectError.from(error);
  }
};
