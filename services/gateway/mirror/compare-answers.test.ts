import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { DifferenceKind } from "@heddle/contracts/heddle/traffic/v1";
import { OrderService } from "@heddle/contracts/order/v1";
import { HeaderList } from "@heddle/mesh/wire";
import { expect, test } from "vitest";
import { type AnswerShape, compareAnswers, shapeOfAnswer } from "./compare-answers.ts";

const fields = (...paths: string[]): AnswerShape => ({ code: undefined, fields: new Set(paths) });
const failed = (code: Code): AnswerShape => ({ code, fields: undefined });
const told = (answer: AnswerShape, copy: AnswerShape) =>
  compareAnswers(answer, copy)?.map(({ kind, subject }) => `${DifferenceKind[kind]} ${subject}`);

test("answers with the same fields are the same, and what differs is named once", () => {
  expect(told(fields("order", "order.id"), fields("order", "order.id"))).toEqual([]);
  expect(told(fields("order", "order.id", "order.lines", "order.lines.sku"), fields("order", "order.id"))).toEqual([
    "MISSING order.lines",
  ]);
  expect(told(fields("order"), fields("order", "note"))).toEqual(["ADDED note"]);
});

test("other codes differ, the same ones do not, and those of the moment say nothing", () => {
  expect(told(fields(), failed(Code.NotFound))).toEqual(["STATUS ok, not_found"]);
  expect(told(failed(Code.NotFound), failed(Code.NotFound))).toEqual([]);
  expect(told(fields(), failed(Code.Unavailable))).toBeUndefined();
  expect(told(failed(Code.DeadlineExceeded), fields())).toBeUndefined();
});

test("an answer that is none of the contract differs from one that is", () => {
  const unreadable: AnswerShape = { code: undefined, fields: "unreadable" };
  expect(told(fields("order"), unreadable)).toEqual(["UNREADABLE the copy's answer"]);
  expect(told(unreadable, unreadable)).toEqual([]);
});

test("the shape of an answer is read from its bytes, where they are protobuf and not compressed", () => {
  const { getOrder } = OrderService.method;
  const trailers = HeaderList.of({ "grpc-status": "0" });
  const answer = (bytes: Uint8Array, type = "application/grpc", flag = 0) => ({
    headers: HeaderList.of({ "content-type": type }),
    body: Buffer.concat([Uint8Array.of(flag, 0, 0, 0, bytes.length), bytes]),
    trailers,
  });
  const message = fromBinary(getOrder.output, Uint8Array.of(10, 3, 10, 1, 120));
  const bytes = toBinary(getOrder.output, message);
  expect(shapeOfAnswer(getOrder, answer(bytes))).toEqual(fields("order", "order.id"));
  expect(shapeOfAnswer(getOrder, answer(bytes, "application/grpc", 1)).fields).toBeUndefined();
  expect(shapeOfAnswer(getOrder, answer(bytes, "application/grpc+json")).fields).toBeUndefined();
  expect(shapeOfAnswer(getOrder, answer(Uint8Array.of(10, 99))).fields).toBe("unreadable");
  const bare = { headers: HeaderList.of({ "grpc-status": "5" }), body: new Uint8Array(), trailers: undefined };
  expect(shapeOfAnswer(getOrder, bare)).toEqual(failed(Code.NotFound));
});
