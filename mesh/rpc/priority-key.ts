import { createContextKey } from "@connectrpc/connect";
import type { Priority } from "../policy/index.ts";

/** How urgent a call that Connect's handlers read is. */
export const priorityKey = createContextKey<Priority>("normal", { description: "the call's priority" });
