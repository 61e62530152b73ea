import { readFileSync } from "node:fs";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { expect, test } from "vitest";
import * as errors from "./errors.ts";

test("every reason of the gateway is documented with its code, and no other", () => {
  const page = readFileSync(new URL("../../docs/concepts/errors.md", import.meta.url), "utf8");
  const [, ofGateway = ""] = page.split("## Reasons of the gateway");
  const documented = Array.from(
    ofGateway.matchAll(/^\| `([A-Z_]+)` \| ([A-Z_]+) \|/gm),
    ([, reason, code]) => `${reason} ${code}`,
  );
  const declared = Object.values(errors)
    .filter(({ domain }) => domain === "heddle.gateway")
    .map(({ reason, code }) => `${reason} ${codeToString(code).toUpperCase()}`);
  expect(documented.sort()).toEqual(declared.sort());
});
