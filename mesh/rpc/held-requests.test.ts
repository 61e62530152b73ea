import { describe, expect, onTestFinished, test } from "vitest";
import { ErrorCode } from "../wire/index.ts";
import { echo, type RawCall, startRawEcho } from "./fixtures/raw-call.ts";
import { bytesHeld, HELD_BYTES_MAX, HeldRequest } from "./held-requests.ts";
import { DEFAULT_RPC_LIMITS } from "./limits.ts";

const RESOURCE_EXHAUSTED = "8";
const JSON_TYPE = { "content-type": "application/json" };
const statusOf = ({ sent: [first] }: RawCall) => (first?.[0] === "headers" ? first[1][":status"] : undefined);

test("requests that are not whole are held up to a bound, and those that are count no longer", () => {
  const one = new HeldRequest();
  const other = new HeldRequest();
  expect(one.add(HELD_BYTES_MAX)).toBeUndefined();
  expect(other.add(1)?.message).toContain("not whole");
  one.letGo();
  one.letGo();
  expect(other.add(1)).toBeUndefined();
  other.letGo();
  expect(bytesHeld()).toBe(0);
});

describe.each(["Say", "Repeat"])("%s by gRPC", (method) => {
  test("is refused when there is no room for half a request, and lets go of what it held however it ends", async () => {
    const { call, settle, time } = await startRawEcho();
    const reset = call(method);
    const whole = call(method);
    const late = call(method);
    for (const raw of [reset, whole, late]) raw.data(echo("abc").slice(0, 6));
    expect(bytesHeld()).toBe(18);
    const rest = new HeldRequest();
    onTestFinished(() => rest.letGo());
    rest.add(HELD_BYTES_MAX - 18);
    const refused = call(method);
    refused.data(echo("abc").slice(0, 6));
    expect(refused.statuses).toEqual([RESOURCE_EXHAUSTED]);
    reset.breaks(ErrorCode.CANCEL, "peer");
    whole.data(echo("abc").slice(6), true);
    await settle();
    expect(whole.statuses).toEqual(["0"]);
    await time.advance(DEFAULT_RPC_LIMITS.requestTimeoutMs);
    expect(late.statuses).toEqual(["4"]);
    expect(bytesHeld()).toBe(HELD_BYTES_MAX - 18);
  });
});

test("a request by JSON is refused alike, and what still comes of it is taken for nobody", async () => {
  const { call, settle, time } = await startRawEcho();
  const late = call("Say", JSON_TYPE);
  late.data("{");
  const rest = new HeldRequest();
  onTestFinished(() => rest.letGo());
  rest.add(HELD_BYTES_MAX - 1);
  const refused = call("Say", JSON_TYPE);
  refused.data("{");
  refused.data('"text"');
  await settle();
  expect([statusOf(refused), refused.consumed]).toEqual(["429", 7]);
  await time.advance(DEFAULT_RPC_LIMITS.requestTimeoutMs);
  await settle();
  expect([statusOf(late), late.consumed]).toEqual(["504", 1]);
  expect(bytesHeld()).toBe(HELD_BYTES_MAX - 1);
});
