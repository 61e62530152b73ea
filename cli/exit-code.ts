import type { Code } from "@connectrpc/connect";

/** What the exit status of `heddle` says; `breaks` is that of `buf breaking`. An RPC that failed exits with `rpcExitCode`. */
export const EXIT = { ok: 0, failed: 1, usage: 2, breaks: 100 } as const;

/** The exit status of a command whose RPC ended with `code`: 64 plus the gRPC code, so 69 is NOT_FOUND. */
export const rpcExitCode = (code: Code): number => 64 + code;
