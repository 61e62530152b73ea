import type { Transport } from "@connectrpc/connect";
import { accessToken } from "./session.ts";

/** The same transport, whose calls carry the caller's access token where they have no other. */
export const withToken = (transport: Transport, gateway: string): Transport => {
  let token: Promise<string | undefined> | undefined;
  const headed = async (header: Parameters<Transport["unary"]>[3]): Promise<Headers> => {
    const headers = new Headers(header);
    if (headers.has("authorization")) return headers;
    // One command is over before a token is.
    token ??= accessToken(gateway);
    const found = await token;
    if (found !== undefined) headers.set("authorization", `Bearer ${found}`);
    return headers;
  };
  return {
    unary: async (method, signal, timeoutMs, header, input, values) =>
      transport.unary(method, signal, timeoutMs, await headed(header), input, values),
    stream: async (method, signal, timeoutMs, header, input, values) =>
      transport.stream(method, signal, timeoutMs, await headed(header), input, values),
  };
};
