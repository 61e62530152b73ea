import { once } from "node:events";
import { connect } from "node:http2";
import { expect, onTestFinished, test } from "vitest";
import { systemRuntime } from "../runtime/index.ts";
import { fakeTime } from "../testing/fake-time.ts";
import { startEcho } from "./fixtures/echo-server.ts";
import { DEFAULT_RPC_LIMITS } from "./limits.ts";

const { idleTimeoutMs } = DEFAULT_RPC_LIMITS;

const start = async () => {
  const time = fakeTime();
  const began = Promise.withResolvers<void>();
  const going = Promise.withResolvers<void>();
  const say = async () => {
    began.resolve();
    await going.promise;
    return {};
  };
  const { url } = await startEcho({ say }, { wire: "node", runtime: { ...systemRuntime(), ...time } });
  const session = connect(url);
  onTestFinished(() => session.destroy());
  let leaves = 0;
  session.on("goaway", () => leaves++);
  await once(session, "remoteSettings");
  const call = () => {
    const stream = session.request({
      ":method": "POST",
      ":path": "/echo.v1.EchoService/Say",
      "content-type": "application/json",
    });
    stream.resume();
    stream.end("{}");
    return once(stream, "close");
  };
  /** Resolves when what the server has sent so far is here. */
  const heard = () => new Promise<void>((resolve) => session.ping(() => resolve()));
  return { time, session, call, heard, began: began.promise, finish: () => going.resolve(), leaves: () => leaves };
};

test("a connection without streams is closed after the idle time, and no earlier", async () => {
  const { time, session, heard, leaves } = await start();
  await time.advance(idleTimeoutMs - 1);
  await heard();
  expect(leaves()).toBe(0);
  const closed = once(session, "close");
  await time.advance(1);
  await closed;
});

test("an open stream keeps its connection, and the idle time begins with its end", async () => {
  const { time, session, call, heard, began, finish, leaves } = await start();
  const called = call();
  await began;
  await time.advance(3 * idleTimeoutMs);
  await heard();
  expect(leaves()).toBe(0);
  finish();
  await called;
  await heard();
  await time.advance(idleTimeoutMs - 1);
  await heard();
  expect(leaves()).toBe(0);
  const closed = once(session, "close");
  await time.advance(1);
  await closed;
});

test("a connection that is gone is not waited for", async () => {
  const { time, session } = await start();
  const waits = time.pending();
  session.destroy();
  await expect.poll(() => time.pending()).toBe(waits - 1);
});
