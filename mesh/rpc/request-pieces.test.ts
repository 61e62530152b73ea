// Still open (R13, R14): copy into the tree as mesh/rpc/request-pieces.test.ts once it is mended.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { FakeStream } from "../testing/fake-stream.ts";
import { HeaderList } from "../wire/index.ts";
import { startRawEcho } from "./fixtures/raw-call.ts";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

const heldBytes = (): number => {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};

/** Each piece in a turn of its own, as a peer with many streams, or many packets, has it. */
test.each([
  ["application/json", "Say", '{"text":"'],
  ["application/connect+json", "Converse", '\0\x00\x0f\0\0{"text":"'],
  ["application/grpc-web+proto", "Converse", "\0\x00\x0f\0\0"],
])("a body of %s that comes in tiny pieces holds little more than its bytes", async (type, method, start) => {
  const { server, settle } = await startRawEcho();
  const stream = new FakeStream();
  const path = `/echo.v1.EchoService/${method}`;
  server.handle(stream, HeaderList.of({ ":method": "POST", ":path": path, "content-type": type }), false);
  stream.data(start);
  await settle();
  const before = heldBytes();
  for (let count = 0; count < 20_000; count++) {
    stream.data("     ");
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(heldBytes() - before).toBeLessThan(4 * 1024 * 1024);
  stream.breaks(8, "peer");
  await settle();
});
