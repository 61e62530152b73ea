import { createHash } from "node:crypto";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Access, AccessKind } from "@heddle/contracts/socialsecurity/v1";
import { expect, test } from "vitest";
import { CHAIN_START, type ChainEnd, findBreak, kindName, kindOf, nextAccess } from "./access.ts";

const chainOf = (length: number): Access[] => {
  const chain: Access[] = [];
  for (let i = 1; i <= length; i++) {
    const last: ChainEnd = chain.at(-1) ?? CHAIN_START;
    const createTime = timestampFromMs(1_769_862_896_789 + i);
    const touch = {
      customerId: "cus_1",
      kind: AccessKind.REVEAL,
      caller: "anonymous",
      reason: `reason ${i}`,
      createTime,
    };
    chain.push(nextAccess(last, touch));
  }
  return chain;
};

test("the hash is what the contract says, so that anyone can compute it", () => {
  const [first] = chainOf(1);
  const text = `["${"0".repeat(64)}","1","cus_1","ACCESS_KIND_REVEAL","anonymous","reason 1","2026-01-31T12:34:56.790Z"]`;
  expect(first?.hash).toBe(createHash("sha256").update(text, "utf8").digest("hex"));
});

test("a chain that nobody touched holds, whole and page by page", () => {
  const chain = chainOf(5);
  expect(findBreak(chain)).toBeUndefined();
  expect(findBreak(chain.slice(2), chain[1])).toBeUndefined();
  expect(findBreak([])).toBeUndefined();
});

test.each([
  ["reason", { reason: "another" }],
  ["customer", { customerId: "cus_2" }],
  ["kind", { kind: AccessKind.VERIFY_MATCH }],
  ["caller", { caller: "someone" }],
  ["time", { createTime: timestampFromMs(1) }],
  ["hash", { hash: "f".repeat(64) }],
])("an entry whose %s was changed is named", (_, change) => {
  const chain = chainOf(5).map((access) => (access.sequence === 3n ? { ...access, ...change } : access));
  expect(findBreak(chain)).toMatchObject({ sequence: 3n });
});

test("an entry that was changed together with its hash breaks the chain behind it", () => {
  const chain = chainOf(5);
  const [, second, third] = chain;
  if (second === undefined || third === undefined) throw new Error("the chain is short");
  const createTime = timestampFromMs(1);
  const forged = nextAccess(second, {
    customerId: "cus_1",
    kind: AccessKind.REVEAL,
    caller: "",
    reason: "",
    createTime,
  });
  expect(findBreak(chain.with(2, forged))).toEqual({ sequence: 4n, problem: "is not chained to the entry before it" });
});

test("an entry that was taken out is named by the one that stands in its place", () => {
  expect(findBreak(chainOf(5).toSpliced(1, 1))).toEqual({ sequence: 3n, problem: "follows entry 1" });
  expect(findBreak(chainOf(5).slice(1))).toEqual({ sequence: 2n, problem: "follows entry 0" });
});

test("an entry that stands there twice is named", () => {
  const chain = chainOf(3);
  expect(findBreak([...chain, ...chain.slice(2)])).toMatchObject({ sequence: 3n });
});

test("a kind is found by its name", () => {
  expect(kindOf(kindName(AccessKind.ERASE))).toBe(AccessKind.ERASE);
});
