import { FakeStream } from "@heddle/mesh/testing";
import { HeaderList } from "@heddle/mesh/wire";
import { expect, test } from "vitest";
import { MIRROR_ANSWER_BYTES_MAX, MIRROR_REQUEST_BYTES_MAX } from "./limits.ts";
import { type WatchedCall, WatchedExchange } from "./watched-exchange.ts";

/** An exchange, what its carrier hears, and how it was told to be over. */
const start = () => {
  const stream = new FakeStream();
  const told: (WatchedCall | undefined)[] = [];
  const exchange = new WatchedExchange(stream, (call) => told.push(call));
  const heard: string[] = [];
  exchange.handler = {
    onHeaders() {},
    onData: (chunk, end) => heard.push(`${chunk.length}${end ? " end" : ""}`),
    onTrailers() {},
    onReset: (code) => heard.push(`reset ${code}`),
    onDrain: () => heard.push("drain"),
  };
  const answer = (body: string) => {
    exchange.sendHeaders(HeaderList.of({ ":status": "200" }), ["x", "1"], false);
    exchange.sendData(Buffer.from(body, "latin1"), false);
    exchange.sendTrailers(HeaderList.of({ "grpc-status": "0" }), undefined);
  };
  return { stream, exchange, told, heard, answer };
};

test("a call passes as it is, and is told when it is over, with all that was asked and answered", () => {
  const { stream, told, heard, answer } = start();
  stream.data("warp");
  stream.data("weft", true);
  expect(told).toEqual([]);
  answer("cloth");
  expect(heard).toEqual(["4", "4 end"]);
  expect(stream.sent).toEqual([
    ["headers", { ":status": "200", x: "1" }, "more"],
    ["data", "cloth", "more"],
    ["trailers", { "grpc-status": "0" }],
  ]);
  const [call] = told;
  expect(Buffer.from(call?.body ?? []).toString()).toBe("warpweft");
  expect(Buffer.from(call?.answer.body ?? []).toString()).toBe("cloth");
  expect(call?.answer.trailers?.get("grpc-status")).toBe("0");
});

test("a call that breaks or is left is told as none, once", () => {
  const left = start();
  left.stream.breaks(8, "peer");
  left.answer("late");
  expect([left.told, left.heard]).toEqual([[undefined], ["reset 8"]]);
  const broken = start();
  broken.exchange.reset(2);
  expect(broken.told).toEqual([undefined]);
});

test("a call that is larger than what is kept passes all the same, and is told as none", () => {
  const asked = start();
  asked.stream.data("x".repeat(MIRROR_REQUEST_BYTES_MAX + 1), true);
  expect([asked.told, asked.heard]).toEqual([[undefined], [`${MIRROR_REQUEST_BYTES_MAX + 1} end`]]);
  const answered = start();
  answered.answer("x".repeat(MIRROR_ANSWER_BYTES_MAX + 1));
  expect(answered.told).toEqual([undefined]);
  expect(answered.stream.sent).toHaveLength(3);
});

test("room on the caller's side is told to whoever carries the call", () => {
  const { stream, heard } = start();
  stream.drain();
  expect(heard).toEqual(["drain"]);
});
