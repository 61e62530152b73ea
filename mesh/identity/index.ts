export { type AccessGuard, createAccessGuard, type Entry } from "./access-guard.ts";
export { ACCESS_MODES, type AccessMode } from "./access-mode.ts";
export { TOKEN_ISSUER } from "./access-token.ts";
export { type Authenticator, createAuthenticator } from "./authenticator.ts";
export { ANONYMOUS, type Caller, LOCAL } from "./caller.ts";
export { KeySet, type PublishedKey } from "./key-set.ts";
export { isLoopbackHost } from "./local-call.ts";
export { type Permission, permissionOf } from "./permission.ts";
export { IDENTITY_HEADER, signWorkloadToken, type Workload, workloadFields } from "./workload-token.ts";
