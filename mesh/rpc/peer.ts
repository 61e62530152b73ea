import { createContextKey } from "@connectrpc/connect";

/** Who is at the other end of the connection, as `host:port`, or "memory" for a call within the process. */
export const peerKey = createContextKey<string>("memory", { description: "the caller's address" });
