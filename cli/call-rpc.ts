import type { DescMethod, DescMethodStreaming, DescMethodUnary, Message } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";

/** What a call carries beside its messages. */
export interface CallOptions {
  readonly header: Headers;
  /** Undefined: the contract's own deadline. */
  readonly timeoutMs: number | undefined;
}

/** Calls a method of any kind and yields its replies as they come. Throws ConnectError. */
export async function* callRpc(
  transport: Transport,
  method: DescMethod,
  requests: AsyncIterable<Message>,
  { header, timeoutMs }: CallOptions,
): AsyncGenerator<Message> {
  if (method.methodKind === "unary") {
    for await (const request of requests) {
      const { message } = await transport.unary(method as DescMethodUnary, undefined, timeoutMs, header, request);
      yield message;
    }
    return;
  }
  const { message } = await transport.stream(method as DescMethodStreaming, undefined, timeoutMs, header, requests);
  yield* message;
}
