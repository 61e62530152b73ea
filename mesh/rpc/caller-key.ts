import { createContextKey } from "@connectrpc/connect";
import { ANONYMOUS, type Caller } from "../identity/caller.ts";

/** Who makes a call that Connect's handlers read; nobody, where the server does not look at that. */
export const callerKey = createContextKey<Caller>(ANONYMOUS, { description: "the caller's identity" });
