import type { DescMethod } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { describeRpcError, rpcFailureLines } from "./call-error.ts";
import { rpcExitCode } from "./exit-code.ts";
import { Failure } from "./failure.ts";
import type { Terminal } from "./terminal.ts";

/** Waits for an RPC; one that fails is printed as `heddle call` prints it, and ends the command with its exit status. */
export const orFailure = async <T>(
  method: DescMethod,
  call: Promise<T>,
  terminal: Terminal,
  json = false,
): Promise<T> => {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    const failure = describeRpcError(error, method);
    if (json) terminal.err(JSON.stringify(failure));
    else for (const line of rpcFailureLines(failure, terminal.errColors)) terminal.err(line);
    throw new Failure("", { exitCode: rpcExitCode(error.code), cause: error });
  }
};
