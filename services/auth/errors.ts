import { Code } from "@connectrpc/connect";
import { reasons } from "@heddle/mesh/contract";

// No message and no metadata of this service holds a password, a token or an e-mail address.
const reason = reasons("auth.v1");

export const USER_NOT_FOUND = reason("USER_NOT_FOUND", Code.NotFound, "User {userId} does not exist.");
export const USER_EMAIL_TAKEN = reason(
  "USER_EMAIL_TAKEN",
  Code.AlreadyExists,
  "Another user signs in with this e-mail address.",
);
export const CREDENTIALS_INVALID = reason(
  "CREDENTIALS_INVALID",
  Code.Unauthenticated,
  "The e-mail address or the password is wrong.",
);
export const LOGIN_FAILURES_EXHAUSTED = reason(
  "LOGIN_FAILURES_EXHAUSTED",
  Code.ResourceExhausted,
  "Too many sign-ins with this e-mail address failed. Try again in {retrySeconds} seconds.",
);
export const PASSWORD_CHECKS_EXHAUSTED = reason(
  "PASSWORD_CHECKS_EXHAUSTED",
  Code.ResourceExhausted,
  "Too many passwords wait to be checked. Try again later.",
);
export const REFRESH_TOKEN_INVALID = reason(
  "REFRESH_TOKEN_INVALID",
  Code.Unauthenticated,
  "The refresh token is unknown or expired, or its session is closed. Sign in again.",
);
export const REFRESH_TOKEN_REUSED = reason(
  "REFRESH_TOKEN_REUSED",
  Code.Unauthenticated,
  "The refresh token was used before, so its session is closed. Sign in again.",
);
