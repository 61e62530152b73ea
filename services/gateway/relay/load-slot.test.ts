import { ReportedSession } from "@heddle/mesh/discovery";
import { ConcurrencyLimit } from "@heddle/mesh/policy";
import { fakeClock } from "@heddle/mesh/testing";
import { ErrorCode, HeaderList, IGNORE } from "@heddle/mesh/wire";
import { expect, test } from "vitest";
import { fakeCandidate } from "../fixtures/fake-candidate.ts";
import { type AskedInstance, fakeInstances } from "../fixtures/fake-instances.ts";
import { LoadSlot } from "./load-slot.ts";

const start = () => {
  const { upstreams, asked } = fakeInstances();
  const load = new ConcurrencyLimit(10);
  const candidate = fakeCandidate("loom:1");
  const session = upstreams.to("loom:1").acquireNow() ?? expect.fail("no session");
  const addressing = { of: (headers: HeaderList) => ({ headers, isOneAnswer: true }) };
  const resets = upstreams.resets("loom:1");
  const counted = new ReportedSession(session, addressing, {
    candidate,
    clock: fakeClock(),
    enter: () => new LoadSlot(load, resets),
  });
  const open = () => {
    const stream = counted.request(new HeaderList([]), undefined, false, IGNORE);
    return { stream, instance: (asked.at(-1) as AskedInstance).stream };
  };
  return { load, counted, open, session, told: candidate.told };
};

test("a stream counts until its answer has ended, or either side has reset it, and once", () => {
  const { load, open } = start();
  const [trailers, bare, body, reset, broken] = [open(), open(), open(), open(), open()];
  expect(load.running).toBe(5);
  trailers?.instance.headers({ ":status": "200" });
  trailers?.instance.data("cloth");
  expect(load.running).toBe(5);
  trailers?.instance.trailers({ "grpc-status": "0" });
  expect(load.running).toBe(4);
  bare?.instance.headers({ ":status": "200" }, true);
  expect(load.running).toBe(3);
  body?.instance.data("", true);
  expect(load.running).toBe(2);
  reset?.stream.reset(ErrorCode.CANCEL);
  reset?.stream.reset(ErrorCode.CANCEL);
  expect(load.running).toBe(1);
  broken?.instance.breaks(ErrorCode.CANCEL, "connection");
  trailers?.instance.breaks(ErrorCode.CANCEL, "connection");
  expect(load.running).toBe(0);
});

test("a stream that cannot be opened does not count", () => {
  const { load, counted, session, told } = start();
  session.request = () => {
    throw new RangeError("no stream is free");
  };
  expect(() => counted.request(new HeaderList([]), undefined, false, IGNORE)).toThrow(RangeError);
  expect(load.running).toBe(0);
  expect(told).toEqual(["begin", "left"]);
});

test("the balancer hears how a stream went, once", () => {
  const { open, told } = start();
  const heard = () => told.splice(0);
  const well = open();
  well.stream.sendData(new Uint8Array(5), true);
  well.instance.headers({ ":status": "200" });
  well.instance.trailers({ "grpc-status": "0" });
  well.stream.reset(ErrorCode.CANCEL);
  expect(heard()).toEqual(["begin", "sent", "answered", "ok"]);
  const bare = open();
  bare.instance.headers({ ":status": "200", "grpc-status": "14" }, true);
  expect(heard()).toEqual(["begin", "failed"]);
  const left = open();
  left.stream.sendData(new Uint8Array(5), true);
  left.stream.reset(ErrorCode.CANCEL);
  left.instance.breaks(ErrorCode.CANCEL, "connection");
  expect(heard()).toEqual(["begin", "sent", "left unanswered"]);
  const broken = open();
  broken.instance.breaks(ErrorCode.CANCEL, "connection");
  expect(heard()).toEqual(["begin", "failed"]);
});
