import { createBalancer } from "@heddle/mesh/discovery";
import { systemRuntime } from "@heddle/mesh/runtime";
import { fakeClock } from "@heddle/mesh/testing";
import { expect, test } from "vitest";
import { contractOf, instanceOf } from "../fixtures/contract.ts";
import { conditionOf } from "./condition-of.ts";

const loom = contractOf("loom.v1", { LoomService: ["Weave"] });

test("the condition of an instance is told in words, whatever state it is in", () => {
  const clock = fakeClock();
  const balancer = createBalancer({ clock, random: systemRuntime().random });
  balancer.update([instanceOf("a", loom), { ...instanceOf("b", loom), address: "127.0.0.1:4001" }]);
  const a = balancer.among(({ instanceId }) => instanceId === "a").pick() ?? expect.fail("a is not picked");
  const condition = () => {
    const report = balancer.describe().find(({ endpoint }) => endpoint.instanceId === "a");
    return conditionOf(report ?? expect.fail("a is not there"));
  };
  expect(condition()).toBe("new, with a growing share, 0 calls on their way");
  clock.advance(10_000);
  a.begin();
  const sent = a.sent();
  clock.advance(4.23);
  a.answered(sent);
  expect(condition()).toBe("well, 1 call on its way, answers in 4.2 ms");
  a.end("failed");
  expect(condition()).toBe("well, 0 calls on their way, answers in 4.2 ms, 2 times as dear for what has failed");
  for (let count = 0; count < 4; count++) {
    a.begin();
    a.end("failed");
  }
  expect(condition()).toMatch(/^gets no calls for 3\d s: 5 failures in a row$/);
  clock.advance(33_000);
  expect(condition()).toBe("gets one call to try it: 5 failures in a row");
  balancer.pick()?.begin();
  expect(condition()).toBe("is tried by one call: 5 failures in a row");
});
