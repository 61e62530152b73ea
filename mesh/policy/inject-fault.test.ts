import { Code, type Transport } from "@connectrpc/connect";
import { OrderService } from "@heddle/contracts/order/v1";
import { expect, test } from "vitest";
import { expectFailure, fakeTime } from "../testing/index.ts";
import { faultyTransport } from "./inject-fault.ts";

const method = OrderService.method.getOrder;

const start = (fault: { delayMs?: number; abort?: Code }) => {
  const time = fakeTime();
  const asked: (number | undefined)[] = [];
  const transport = {
    unary: async (_method: unknown, _signal: unknown, timeoutMs: number | undefined) => {
      asked.push(timeoutMs);
      return "answered";
    },
  } as unknown as Transport;
  const injected = { ruleId: "rul_1", delayMs: fault.delayMs ?? 0, abort: fault.abort };
  const faulty = faultyTransport(transport, injected, time.timers);
  const call = (timeoutMs?: number, signal?: AbortSignal) => faulty.unary(method, signal, timeoutMs, undefined, {});
  return { time, asked, call };
};

test("a call fails with the code of the fault, and nobody is asked", async () => {
  const { asked, call } = start({ abort: Code.Aborted });
  expect(await expectFailure(call())).toMatchObject({ code: "Aborted", metadata: { ruleId: "rul_1" } });
  expect(asked).toEqual([]);
});

test("a call that was held goes on with the time that is left", async () => {
  const { time, asked, call } = start({ delayMs: 300 });
  const calls = Promise.all([call(1_000), call()]);
  await time.advance(299);
  expect(asked).toEqual([]);
  await time.advance(1);
  expect(await calls).toEqual(["answered", "answered"]);
  expect(asked).toEqual([700, undefined]);
});

test("a call whose time is up while it is held fails by its deadline then", async () => {
  const { time, asked, call } = start({ delayMs: 300 });
  const failure = expectFailure(call(200));
  await time.advance(200);
  expect(await failure).toMatchObject({ code: "DeadlineExceeded" });
  expect(asked).toEqual([]);
});

test("a caller that leaves is not held", async () => {
  const { time, asked, call } = start({ delayMs: 300 });
  const leave = new AbortController();
  const left = call(undefined, leave.signal).catch((error: unknown) => error);
  leave.abort(new Error("left"));
  expect(await left).toMatchObject({ message: "left" });
  expect([asked, time.pending()]).toEqual([[], 0]);
});
