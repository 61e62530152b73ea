import { expect, test } from "vitest";
import { EchoService } from "../../rpc/fixtures/echo-contract.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import { ErrorCode, HeaderList, IGNORE, type ResetCause, type Session, type StreamHandler } from "../../wire/index.ts";
import type { Outcome } from "../outcome.ts";
import { AddressedHeaders, ObservedSession } from "./observed-session.ts";

/** What the balancer is told of an instance that ends a call by this. */
const outcomeOfReset = (code: number, cause: ResetCause): readonly Outcome[] => {
  const told: Outcome[] = [];
  const candidate = {
    endpoint: { instanceId: "i", address: "i:1", serviceName: "echo", version: "1.0.0", locality: "" },
    begin: () => undefined,
    sent: () => 0,
    answered: () => undefined,
    end: (outcome: Outcome) => void told.push(outcome),
  };
  let handler: StreamHandler = IGNORE;
  const session = {
    request(_headers: HeaderList, _extra: readonly string[] | undefined, _end: boolean, inner: StreamHandler) {
      handler = inner;
      return {};
    },
  } as unknown as Session;
  const headers = new AddressedHeaders(EchoService, "echo");
  new ObservedSession(session, headers, { candidate, clock: fakeClock() }).request(
    new HeaderList([":path", "/echo"]),
    undefined,
    true,
    IGNORE,
  );
  handler.onReset(code, cause);
  return told;
};

test("an instance that refuses a stream or asks for calm has no room, which is no failure; nor is a call that it has cancelled", () => {
  expect(outcomeOfReset(ErrorCode.REFUSED_STREAM, "unprocessed")).toEqual(["overloaded"]);
  expect(outcomeOfReset(ErrorCode.NO_ERROR, "unprocessed")).toEqual(["overloaded"]);
  expect(outcomeOfReset(ErrorCode.ENHANCE_YOUR_CALM, "peer")).toEqual(["overloaded"]);
  expect(outcomeOfReset(ErrorCode.CANCEL, "peer")).toEqual(["left"]);
  expect(outcomeOfReset(ErrorCode.INTERNAL_ERROR, "peer")).toEqual(["failed"]);
  expect(outcomeOfReset(ErrorCode.NO_ERROR, "connection")).toEqual(["failed"]);
});
