import { Code, ConnectError } from "@connectrpc/connect";
import { ANONYMOUS, type Caller } from "@heddle/mesh/identity";
import { HeaderList } from "@heddle/mesh/wire";
import { expect, test } from "vitest";
import { contractOf } from "../fixtures/contract.ts";
import type { EdgeFacts } from "./edge.ts";
import { overloadCheckpoint } from "./overload-checkpoint.ts";

const [loom] = contractOf("loom.v1", { LoomService: ["Weave"] }).services;
const method = loom?.methods[0];
if (method === undefined) throw new Error("the test's contract has no method");

test("a call that the gateway has no room for is refused, and counted for who makes it then", () => {
  let refusal: ConnectError | undefined;
  let who: (() => Caller) | undefined;
  const checkpoint = overloadCheckpoint({
    enter(_method, _headers, _peer, caller) {
      who = caller;
      return { priority: "normal", check: () => refusal };
    },
    describe: () => {
      throw new Error("is not asked");
    },
  });
  const facts: EdgeFacts = { caller: ANONYMOUS, answerFields: [], sampler: undefined };
  const check = checkpoint.prepare({ method, headers: new HeaderList([]), peer: "127.0.0.1:1", facts });
  expect(check?.()).toBeUndefined();
  refusal = new ConnectError("full", Code.ResourceExhausted);
  expect(check?.()).toBe(refusal);
  facts.caller = { ...ANONYMOUS, kind: "user", id: "usr_1" };
  expect(who?.().id).toBe("usr_1");
});
