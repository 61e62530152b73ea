import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { FakeStream } from "../testing/fake-stream.ts";
import { ErrorCode } from "../wire/index.ts";
import { RequestBody } from "./request-body.ts";

const start = (end = false) => {
  const stream = new FakeStream({ receivedEnd: end });
  const broken: ConnectError[] = [];
  const body = new RequestBody(stream, end, (error) => broken.push(error));
  stream.handler = body;
  return { stream, body, broken };
};

const textOf = ({ value }: IteratorResult<Uint8Array, undefined>) => value && Buffer.from(value).toString();

test("what came is handed out in order, joined where nobody has read it, and the sender may go on when it was taken", async () => {
  const { stream, body } = start();
  const early = body.next();
  const piece = "1".repeat(16 * 1024);
  stream.data(piece);
  expect(textOf(await early)).toBe(piece);
  stream.data("three");
  stream.data("four", true);
  expect(stream.consumed).toBe(piece.length);
  expect(textOf(await body.next())).toBe("threefour");
  expect(stream.consumed).toBe(piece.length + 9);
  expect((await body.next()).done).toBe(true);
});

test("the end comes with the headers, with a piece or with trailers", async () => {
  expect((await start(true).body.next()).done).toBe(true);
  const { stream, body } = start();
  const waiting = body.next();
  stream.trailers({});
  expect((await waiting).done).toBe(true);
  expect(body.ended).toBe(true);
});

test("what is not read is taken all the same once nobody will read it", async () => {
  const { stream, body } = start();
  stream.data("one");
  await body.return();
  expect(stream.consumed).toBe(3);
  stream.data("two");
  expect(stream.consumed).toBe(6);
  expect((await body.next()).done).toBe(true);
});

test("what has not come in time is given up, and what has come whole is not", async () => {
  const { stream, body, broken } = start();
  const waiting = body.next();
  stream.data("{");
  body.giveUp(new ConnectError("late", Code.DeadlineExceeded));
  await expect(waiting).rejects.toThrow("late");
  expect(broken).toEqual([]);
  const whole = start();
  whole.stream.data("{}", true);
  whole.body.giveUp(new ConnectError("late", Code.DeadlineExceeded));
  expect(textOf(await whole.body.next())).toBe("{}");
});

test("a reset is thrown at who reads and who waits to write, by the status that it stands for", async () => {
  const { stream, body, broken } = start();
  const failures = [body.next(), body.drained()].map((wait) => wait.then(() => undefined, ConnectError.from));
  stream.breaks(ErrorCode.CANCEL, "peer");
  expect((await Promise.all(failures)).map((error) => error?.code)).toEqual([Code.Canceled, Code.Canceled]);
  expect(broken).toHaveLength(1);
  await expect(body.drained()).rejects.toThrow("CANCEL");
});

test("who waits to write goes on when the queue has left", async () => {
  const { stream, body } = start();
  const waiting = body.drained();
  stream.drain();
  await waiting;
});
