import { type Duplex, duplexPair } from "node:stream";
import { expect, test, vi } from "vitest";
import { fakeTime } from "../testing/fake-time.ts";
import { acceptHttp } from "./accept-http.ts";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** A connection that is being looked at, and what became of it. */
const accept = () => {
  const [peer, connection] = duplexPair();
  const time = fakeTime();
  const http1 = vi.fn<(connection: Duplex) => void>();
  const http2 = vi.fn<(connection: Duplex) => void>();
  acceptHttp(connection, { http1, http2 }, { timers: time.timers, timeoutMs: 1_000 });
  return { peer, connection, time, http1, http2 };
};

const turn = () => new Promise((resolve) => setImmediate(resolve));
const unread = (connection: Duplex) => String(connection.read());

test("a connection that begins with HTTP/2's preface is HTTP/2, and loses no byte", async () => {
  const { peer, connection, http1, http2 } = accept();
  peer.write(`${PREFACE}frames`);
  await turn();
  expect(http2).toHaveBeenCalledExactlyOnceWith(connection);
  expect(http1).not.toHaveBeenCalled();
  expect(unread(connection)).toBe(`${PREFACE}frames`);
});

test("a preface that comes byte by byte is still one", async () => {
  const { peer, connection, http2 } = accept();
  for (const [i, byte] of [...PREFACE].entries()) {
    expect(http2).toHaveBeenCalledTimes(i < 14 ? 0 : 1);
    peer.write(byte);
    await turn();
  }
  expect(http2).toHaveBeenCalledExactlyOnceWith(connection);
  expect(unread(connection)).toBe(PREFACE);
});

test("the first byte that is not the preface's makes it HTTP/1.1", async () => {
  const { peer, connection, http1, http2 } = accept();
  for (const byte of "POST") {
    peer.write(byte);
    await turn();
  }
  expect(http1).toHaveBeenCalledExactlyOnceWith(connection);
  expect(http2).not.toHaveBeenCalled();
  expect(unread(connection)).toBe("POST");
});

test("a connection that stays silent is closed, also in the middle of the preface", async () => {
  for (const said of ["", "PRI * H"]) {
    const { peer, connection, time, http1, http2 } = accept();
    if (said !== "") peer.write(said);
    await time.advance(999);
    expect(connection.destroyed).toBe(false);
    await time.advance(1);
    expect(connection.destroyed).toBe(true);
    expect(http1).not.toHaveBeenCalled();
    expect(http2).not.toHaveBeenCalled();
  }
});

test("a connection that has spoken is not watched any more", async () => {
  const { peer, connection, time } = accept();
  const listeners = connection.listenerCount("close") + connection.listenerCount("error");
  peer.write("GET");
  await turn();
  expect(time.pending()).toBe(0);
  expect(connection.listenerCount("readable")).toBe(0);
  expect(connection.listenerCount("close") + connection.listenerCount("error")).toBe(listeners - 2);
  await time.advance(5_000);
  expect(connection.destroyed).toBe(false);
});

test("a peer that resets before it spoke leaves neither timer nor uncaught error", async () => {
  const { connection, time, http1 } = accept();
  connection.destroy(new Error("ECONNRESET"));
  await new Promise((resolve) => connection.once("close", resolve));
  expect(time.pending()).toBe(0);
  expect(http1).not.toHaveBeenCalled();
});
