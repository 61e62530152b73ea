import { readFileSync } from "node:fs";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { expect, test } from "vitest";
import { commonReasons } from "./common-reasons.ts";

const page = readFileSync(new URL("../../docs/concepts/errors.md", import.meta.url), "utf8");
// Those of the gateway alone follow in a table of their own.
const [ofMesh = ""] = page.split("## Reasons of the gateway");
const documented = Array.from(
  ofMesh.matchAll(/^\| `([A-Z_]+)` \| ([A-Z_]+) \|/gm),
  ([, reason, code]) => `${reason} ${code}`,
);

test("every reason of the mesh is documented with its code, and no other", () => {
  const declared = Object.values(commonReasons("order.v1")).map(({ reason, code }) => {
    // gRPC spells it with two letters l, Connect with one.
    const name = codeToString(code).toUpperCase().replace("CANCELED", "CANCELLED");
    return `${reason} ${name}`;
  });
  expect(documented.sort()).toEqual(declared.sort());
});

test("a reason goes by the name under which it is declared, in the domain of its contract", () => {
  for (const [name, reason] of Object.entries(commonReasons("order.v1"))) {
    expect(reason).toMatchObject({ reason: name, domain: "order.v1" });
  }
});

test("a domain's reasons are made once", () => {
  expect(commonReasons("order.v1")).toBe(commonReasons("order.v1"));
});
