import { Code, ConnectError } from "@connectrpc/connect";
import { type AccessGuard, ANONYMOUS, type Caller } from "@heddle/mesh/identity";
import { HeaderList } from "@heddle/mesh/wire";
import { expect, test } from "vitest";
import { contractOf } from "../fixtures/contract.ts";
import { accessCheckpoint } from "./access-checkpoint.ts";
import type { EdgeFacts } from "./edge.ts";

const [loom] = contractOf("loom.v1", { LoomService: ["Weave"] }).services;
const method = loom?.methods[0];
if (method === undefined) throw new Error("the test's contract has no method");

/** What the checkpoint makes of a caller whom the guard knows. */
const start = (caller: Caller, refusal?: ConnectError) => {
  const now = { caller, refusal };
  const guard: AccessGuard = {
    enter: () => ({
      get caller() {
        return now.caller;
      },
      check: () => now.refusal,
    }),
    version: () => 1,
  };
  const facts: EdgeFacts = { caller: ANONYMOUS, answerFields: [], sampler: undefined };
  const call = { method, headers: new HeaderList([]), peer: "127.0.0.1:1", facts };
  return { now, facts, check: accessCheckpoint(guard).prepare(call) };
};

test("calls that nothing can keep out cost no check", () => {
  const { check, facts } = start({ ...ANONYMOUS, kind: "local", id: "local" });
  expect([check, facts.caller.kind]).toEqual([undefined, "local"]);
});

test("a caller whose proof expires is checked with each call, and the others learn who it is then", () => {
  const { now, check, facts } = start({ ...ANONYMOUS, kind: "user", id: "usr_1", expiresMs: 1 });
  expect([check?.(), facts.caller.id]).toEqual([undefined, "usr_1"]);
  now.caller = ANONYMOUS;
  now.refusal = new ConnectError("no", Code.Unauthenticated);
  expect([check?.(), facts.caller.id]).toEqual([now.refusal, "anonymous"]);
});

test("who is not let in is refused", () => {
  const refusal = new ConnectError("no", Code.Unauthenticated);
  expect(start(ANONYMOUS, refusal).check?.()).toBe(refusal);
});
