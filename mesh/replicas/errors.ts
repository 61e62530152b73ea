import { Code } from "@connectrpc/connect";
import { reasons } from "../contract/fail.ts";

const reason = reasons("heddle.mesh");

export const LEASE_LOST = reason(
  "LEASE_LOST",
  Code.Unavailable,
  "Another replica has taken over {lease}; nothing was written. Nothing is to be done: it goes on there.",
);
