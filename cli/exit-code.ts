import type { Code } from "@connectrpc/connect";

/** What the exit status of `heddle` says. An RPC that failed exits with `rpcExitCode`. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** The exit status of a command whose RPC ended with `code`: 64 plus the gRPC code, so 69 is NOT_FOUND. */
export const rpcExitCode = (code: Code): number => 64 + code;
