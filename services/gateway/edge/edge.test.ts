import { Code, ConnectError } from "@connectrpc/connect";
import { ANONYMOUS, type Caller } from "@heddle/mesh/identity";
import { HeaderList } from "@heddle/mesh/wire";
import { expect, test } from "vitest";
import { contractOf } from "../fixtures/contract.ts";
import { type Checkpoint, createEdge, type EdgeFacts } from "./edge.ts";

const [loom] = contractOf("loom.v1", { LoomService: ["Weave"] }).services;
const method = loom?.methods[0];
if (method === undefined) throw new Error("the test's contract has no method");
const call = { method, headers: new HeaderList([]), peer: "127.0.0.1:1" };
const refusal = new ConnectError("no", Code.PermissionDenied);

test("the first checkpoint that refuses ends it, and the refusal is told", () => {
  const asked: string[] = [];
  const told: unknown[] = [];
  const checkpoint = (name: string, error?: ConnectError): Checkpoint => ({
    prepare: () => () => {
      asked.push(name);
      return error;
    },
  });
  const edge = createEdge([checkpoint("a"), checkpoint("b", refusal), checkpoint("c")], {
    refused: (_, error) => told.push(error),
  });
  expect(edge.prepare(call).check()).toBe(refusal);
  expect([asked, told]).toEqual([["a", "b"], [refusal]]);
});

test("what is prepared holds until the version changes, and then all of it is prepared anew", () => {
  let version = 1;
  let prepared = 0;
  const facts: EdgeFacts[] = [];
  const caller: Caller = { ...ANONYMOUS, kind: "user", id: "usr_1" };
  const first: Checkpoint = {
    prepare({ facts: given }) {
      prepared++;
      if (version === 2) given.caller = caller;
      given.answerFields.push("version", String(version));
      return undefined;
    },
  };
  const second: Checkpoint = {
    prepare({ facts: given }) {
      facts.push(given);
      return undefined;
    },
  };
  const passage = createEdge([first, second], { version: () => version }).prepare(call);
  expect([passage.check(), passage.check(), prepared]).toEqual([undefined, undefined, 1]);
  expect(passage.answerFields).toEqual(["version", "1"]);
  version = 2;
  expect([passage.check(), prepared]).toEqual([undefined, 2]);
  expect(passage.answerFields).toEqual(["version", "2"]);
  expect(facts.map((each) => each.caller.id)).toEqual(["anonymous", "usr_1"]);
});
