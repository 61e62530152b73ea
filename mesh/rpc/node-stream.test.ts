import { once } from "node:events";
import { createServer as createHttp1Server } from "node:http";
import { connect as connectHttp2, createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { HeaderList, type StreamHandler } from "../wire/index.ts";
import { type NodeExchange, nodeServerStream } from "./node-stream.ts";
import { nodeClientSession } from "./node-stream-session.ts";

/** A server by `node:http` or `node:http2` that hands out its exchanges. */
const start = async (version: 1 | 2, accept: (exchange: NodeExchange) => void) => {
  const server =
    version === 1
      ? createHttp1Server((request, response) => accept(nodeServerStream(request, response)))
      : createHttp2Server((request, response) => accept(nodeServerStream(request, response)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
};

/** Keeps what arrives as words. */
const recorder = () => {
  const heard: string[] = [];
  const ended = Promise.withResolvers<void>();
  const text = ({ fields }: HeaderList) => fields.filter((_, at) => fields[at - (at % 2)] !== "date").join(" ");
  const handler: StreamHandler = {
    onHeaders: (headers, end) => void heard.push(`headers ${text(headers)} ${end}`),
    onData(chunk, end) {
      if (chunk.length > 0) heard.push(`data ${Buffer.from(chunk)}`);
      if (end) ended.resolve();
    },
    onTrailers(trailers) {
      heard.push(`trailers ${text(trailers)}`);
      ended.resolve();
    },
    onReset(code, cause) {
      heard.push(`reset ${code} ${cause}`);
      ended.resolve();
    },
    onDrain: () => undefined,
  };
  return { heard, handler, ended: ended.promise };
};

/** Sends the text of a request over HTTP/1.1; resolves to everything that comes back. */
const sendHttp1 = async (port: number, request: string): Promise<string> => {
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.write(request, "latin1");
  let answer = "";
  for await (const chunk of socket) answer += chunk;
  return answer;
};

test("a request over HTTP/1.1 looks as if it had come over HTTP/2", async () => {
  const { heard, handler, ended } = recorder();
  let seen: NodeExchange | undefined;
  const port = await start(1, (exchange) => {
    seen = exchange;
    exchange.stream.handler = handler;
    void ended.then(() => {
      exchange.stream.sendHeaders(HeaderList.of({ ":status": "201", "x-a": "1" }), ["x-b", "2"], false);
      exchange.stream.sendData(Buffer.from("body"), false, Buffer.from("prefix "));
      exchange.stream.sendTrailers(HeaderList.of({ "x-after": "3" }), undefined);
    });
  });
  const answer = await sendHttp1(
    port,
    "POST /a?b=c HTTP/1.1\r\nHost: example.com:80\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\n" +
      "Transfer-Encoding: chunked\r\nX-Many: 1\r\nx-many: \xe9\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\nX-After: t\r\n\r\n",
  );
  expect(seen?.headers.fields).toEqual(
    [":method", "POST", ":path", "/a?b=c", ":scheme", "http", ":authority", "example.com:80"].concat([
      "x-many",
      "1",
      "x-many",
      "\xe9",
    ]),
  );
  expect([seen?.end, seen?.stream.peer.startsWith("127.0.0.1:")]).toEqual([false, true]);
  expect(heard.slice(0, -1).join("").replaceAll("data ", "")).toBe("onetwo");
  expect(heard.at(-1)).toBe("trailers x-after t");
  expect(answer).toMatch(/^HTTP\/1\.1 201 Created\r\nx-a: 1\r\nx-b: 2\r\n/);
  expect(answer.split("\r\n\r\n")[1]).toBe("7\r\nprefix \r\n4\r\nbody\r\n0\r\nx-after: 3");
});

test("a target with scheme and host is its path", async () => {
  const paths: (string | undefined)[] = [];
  const port = await start(1, ({ stream, headers }) => {
    paths.push(headers.get(":path"));
    stream.sendHeaders(HeaderList.of({ ":status": "200" }), undefined, true);
  });
  for (const target of ["http://x/a/b?c=d", "HTTP://x:80", "http://x?c=d", "/http://x/", "*"])
    await sendHttp1(port, `OPTIONS ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  expect(paths).toEqual(["/a/b?c=d", "/", "/?c=d", "/http://x/", "*"]);
});

test("a request without a body says so, and an answer without one has length 0", async () => {
  const ends: boolean[] = [];
  const port = await start(1, ({ stream, end }) => {
    ends.push(end);
    stream.sendHeaders(HeaderList.of({ ":status": "200" }), undefined, true);
  });
  expect(await sendHttp1(port, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).toContain(
    "content-length: 0",
  );
  await sendHttp1(port, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  await sendHttp1(port, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\n1");
  expect(ends).toEqual([true, true, false]);
});

test("headers that Node takes for invalid end the exchange and nothing else", async () => {
  for (const [version, bad] of [
    [1, { "x-bad": "a\u0000b" }],
    [2, { connection: "close" }],
  ] as const) {
    const { heard, handler, ended } = recorder();
    const port = await start(version, ({ stream }) => {
      stream.handler = handler;
      stream.sendHeaders(HeaderList.of({ ":status": "200", ...bad }), undefined, false);
    });
    if (version === 1) await sendHttp1(port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    else {
      const session = connectHttp2(`http://127.0.0.1:${port}`);
      onTestFinished(() => session.destroy());
      const stream = session.request({ ":path": "/" });
      stream.on("error", () => undefined);
      await new Promise((resolve) => stream.once("close", resolve));
    }
    await ended;
    expect(heard.at(-1)).toBe("reset 2 local");
  }
});

test("a client's session opens streams, counts them and tells of refusal", async () => {
  const port = await start(2, ({ stream, headers }) => {
    if (headers.get(":path") === "/refuse") stream.reset(7);
    else stream.sendHeaders(HeaderList.of({ ":status": "200", "x-got": headers.get("x-sent") }), undefined, true);
  });
  const session = nodeClientSession(connectHttp2(`http://127.0.0.1:${port}`), `127.0.0.1:${port}`);
  onTestFinished(() => session.destroy());
  const ask = async (path: string) => {
    const { heard, handler, ended } = recorder();
    const done = Promise.withResolvers<void>();
    const request = HeaderList.of({ ":method": "GET", ":path": path, ":scheme": "http", ":authority": "x" });
    session.request(request, ["x-sent", "1"], true, {
      ...handler,
      onHeaders(headers, end) {
        handler.onHeaders(headers, end);
        done.resolve();
      },
    });
    expect(session.openStreams).toBe(1);
    await Promise.race([done.promise, ended]);
    await expect.poll(() => session.openStreams).toBe(0);
    return heard;
  };
  expect(await ask("/")).toEqual(["headers :status 200 x-got 1 true"]);
  expect(await ask("/refuse")).toEqual(["reset 7 unprocessed"]);
  const roundTrip = Promise.withResolvers<number>();
  session.ping(roundTrip.resolve);
  expect(await roundTrip.promise).toBeGreaterThan(0);
  session.drain();
  expect([session.draining, session.freeStreams]).toEqual([true, 0]);
  expect(() => session.request(new HeaderList([]), undefined, true, recorder().handler)).toThrow(RangeError);
});
