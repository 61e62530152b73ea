import { expect, test } from "vitest";
import { EchoService } from "../rpc/fixtures/echo-contract.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { ErrorCode, HeaderList, IGNORE, type ResetCause, type Session, type StreamHandler } from "../wire/index.ts";
import { AddressedHeaders } from "./addressed-session.ts";
import type { Outcome } from "./outcome.ts";
import { ReportedSession } from "./reported-session.ts";

/** A call to an instance, and what the balancer is told of it. */
const start = (extra?: readonly string[]) => {
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
      return { reset: () => undefined };
    },
  } as unknown as Session;
  const clock = fakeClock();
  const reported = new ReportedSession(session, new AddressedHeaders(EchoService, "echo"), { candidate, clock });
  const stream = reported.request(new HeaderList([":path", "/echo"]), extra, true, IGNORE);
  return { told, clock, stream, handler };
};

const outcomeOfReset = (code: number, cause: ResetCause): readonly Outcome[] => {
  const { handler, told } = start();
  handler.onReset(code, cause);
  return told;
};

const outcomeOfAnswer = (end: (handler: StreamHandler) => void): readonly Outcome[] => {
  const { handler, told } = start();
  end(handler);
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

test("a status counts wherever it comes, and an answer without one is a failure", () => {
  const bare = new HeaderList([":status", "200"]);
  const [ok, unavailable] = ["0", "14"].map((status) => new HeaderList([":status", "200", "grpc-status", status]));
  if (ok === undefined || unavailable === undefined) expect.fail();
  expect(outcomeOfAnswer((handler) => handler.onHeaders(unavailable, true))).toEqual(["failed"]);
  expect(outcomeOfAnswer((handler) => handler.onHeaders(bare, true))).toEqual(["failed"]);
  const withTrailers = (head: HeaderList, trailers: HeaderList) => (handler: StreamHandler) => {
    handler.onHeaders(head, false);
    handler.onTrailers(trailers);
  };
  expect(outcomeOfAnswer(withTrailers(bare, ok))).toEqual(["ok"]);
  expect(outcomeOfAnswer(withTrailers(ok, bare))).toEqual(["ok"]);
  expect(
    outcomeOfAnswer((handler) => {
      handler.onHeaders(ok, false);
      handler.onData(new Uint8Array(), true);
    }),
  ).toEqual(["ok"]);
});

test("a call that its caller ends says something of the instance only when its time was up", () => {
  const early = start(["grpc-timeout", "100m"]);
  early.clock.advance(98);
  early.stream.reset(ErrorCode.CANCEL);
  expect(early.told).toEqual(["left"]);
  const late = start(["grpc-timeout", "100m"]);
  late.clock.advance(100);
  late.stream.reset(ErrorCode.CANCEL);
  late.stream.reset(ErrorCode.CANCEL);
  expect(late.told).toEqual(["late"]);
});
