import type { DescMethod } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { ErrorInfoSchema, RetryInfoSchema } from "@heddle/contracts/google/rpc";
import { ANONYMOUS, type Caller } from "@heddle/mesh/identity";
import { fakeClock } from "@heddle/mesh/testing";
import { HeaderList } from "@heddle/mesh/wire";
import { describe, expect, test } from "vitest";
import { methodOptionsOf, methodsWith } from "../fixtures/methods-with.ts";
import { createEdge } from "./edge.ts";
import { rateCheckpoint } from "./rate-checkpoint.ts";

const methods = methodsWith({
  Limited: methodOptionsOf({ rateLimit: { callsPerSecond: 2, burst: 2 } }),
  Free: methodOptionsOf({}),
});
const [limited, free] = [methods.Limited, methods.Free] as [DescMethod, DescMethod];

const start = (callers: Readonly<Record<string, Caller>> = {}) => {
  const clock = fakeClock();
  /** Takes a header for an identity. */
  const identity = {
    prepare: ({ headers, facts }: { headers: HeaderList; facts: { caller: Caller } }) => {
      facts.caller = callers[headers.get("authorization") ?? ""] ?? ANONYMOUS;
      return undefined;
    },
  };
  const edge = createEdge([identity, rateCheckpoint({ clock })]);
  const passage = (method: DescMethod, peer: string, authorization?: string) =>
    edge.prepare({ method, peer, headers: HeaderList.of({ authorization }) });
  return { clock, passage };
};

describe("the rate that a contract allows", () => {
  test("holds for each address where there is no identity, over all its connections", () => {
    const { clock, passage } = start();
    const [one, two] = [passage(limited, "192.0.2.1:1"), passage(limited, "192.0.2.1:2")];
    expect([one.check(), two.check()]).toEqual([undefined, undefined]);
    const refusal = one.check();
    expect(refusal?.code).toBe(Code.ResourceExhausted);
    expect(refusal?.findDetails(ErrorInfoSchema)[0]).toMatchObject({
      reason: "RATE_LIMITED",
      domain: "heddle.gateway",
      metadata: { method: "loom.v1.LoomService/Limited", callsPerSecond: "2", burst: "2", waitMs: "500" },
    });
    expect(refusal?.findDetails(RetryInfoSchema)[0]?.retryDelay).toMatchObject({ seconds: 0n, nanos: 500_000_000 });
    expect(passage(limited, "192.0.2.9:1").check()).toBeUndefined();
    clock.advance(500);
    expect([two.check(), two.check()?.code]).toEqual([undefined, Code.ResourceExhausted]);
  });

  test("holds for each identity, wherever it calls from", () => {
    const user = (id: string): Caller => ({ ...ANONYMOUS, kind: "user", id });
    const { passage } = start({ a: user("usr_a"), b: user("usr_b") });
    const [here, there] = [passage(limited, "192.0.2.1:1", "a"), passage(limited, "192.0.2.2:1", "a")];
    expect([here.check(), there.check(), here.check()?.code]).toEqual([undefined, undefined, Code.ResourceExhausted]);
    expect(passage(limited, "192.0.2.1:1", "b").check()).toBeUndefined();
  });

  test("does not concern methods whose contract sets none", () => {
    const { passage } = start();
    const calls = passage(free, "192.0.2.1:1");
    for (let call = 0; call < 100; call++) expect(calls.check()).toBeUndefined();
  });
});
