import { describe, expect, test } from "vitest";
import { systemTimers } from "../runtime/index.ts";
import { ErrorCode, errorCodeName } from "./error-code.ts";
import { ConnectionPair } from "./fixtures/connection-pair.ts";
import { fieldsShown, shown } from "./fixtures/raw-frames.ts";
import { HeaderList } from "./header-list.ts";
import type { HttpStream, StreamHandler } from "./http-stream.ts";
import { memorySession } from "./memory-session.ts";
import type { Session } from "./session.ts";

const GET = HeaderList.of({ ":method": "GET", ":scheme": "http", ":path": "/", ":authority": "test" });
const OK = HeaderList.of({ ":status": "200" });
const TRAILERS = HeaderList.of({ "grpc-status": "0" });

interface Server {
  onStream(stream: HttpStream, headers: HeaderList, end: boolean): void;
  onStreamClosed(): void;
  onHandlerError(error: unknown): void;
}

/** A turn of the event loop, and what it sets off. */
const turn = (): Promise<void> => new Promise((resolve) => systemTimers.afterTurn(resolve));

/** The same promises are kept by two connections back to back, and by a session in memory. */
const kinds: readonly { readonly kind: string; readonly connect: (server: Server) => Session }[] = [
  {
    kind: "two connections",
    connect(server) {
      const pair: ConnectionPair = new ConnectionPair({
        server,
        client: { ...server, onStreamClosed: () => undefined },
      });
      let scheduled = false;
      pair.onWake = () => {
        if (scheduled) return;
        scheduled = true;
        queueMicrotask(() => {
          scheduled = false;
          pair.settle();
        });
      };
      pair.settle();
      return pair.client;
    },
  },
  { kind: "a session in memory", connect: (server) => memorySession(server) },
];

describe.each(kinds)("$kind", ({ connect }) => {
  /** A client and what is heard on either side, as `client …` and `server …`. */
  const start = (onStream: (stream: HttpStream, end: boolean, count: number) => void = () => undefined) => {
    const heard: string[] = [];
    const errors: unknown[] = [];
    const served: HttpStream[] = [];
    const counts = { closed: 0 };
    const noting = (who: string, more: Partial<StreamHandler> = {}): StreamHandler => ({
      onHeaders(headers, end) {
        heard.push(`${who} headers ${fieldsShown(headers.fields)}${end ? " END" : ""}`);
        more.onHeaders?.(headers, end);
      },
      onData(chunk, end) {
        heard.push(`${who} data ${shown(chunk)}${end ? " END" : ""}`);
        more.onData?.(chunk, end);
      },
      onTrailers(trailers) {
        heard.push(`${who} trailers ${fieldsShown(trailers.fields)}`);
        more.onTrailers?.(trailers);
      },
      onReset(code, cause) {
        heard.push(`${who} reset ${errorCodeName(code)} ${cause}`);
        more.onReset?.(code, cause);
      },
      onDrain() {
        heard.push(`${who} drain`);
        more.onDrain?.();
      },
    });
    const session = connect({
      onStream(stream, headers, end) {
        served.push(stream);
        heard.push(`server stream ${headers.get(":method")} ${headers.get("x-extra") ?? ""}${end ? " END" : ""}`);
        stream.handler = noting("server");
        onStream(stream, end, served.length);
      },
      onStreamClosed: () => void counts.closed++,
      onHandlerError: (error) => void errors.push(error),
    });
    const news = async (): Promise<string[]> => {
      for (let count = 0; count < 5; count++) await turn();
      return heard.splice(0);
    };
    return { session, heard, errors, served, counts, noting, news };
  };
  const first = (streams: readonly HttpStream[]): HttpStream => streams[0] as HttpStream;

  test("carries a request and its answer in order", async () => {
    const { session, noting, news, served, counts } = start();
    const stream = session.request(GET, ["x-extra", "7"], false, noting("client"));
    stream.sendData(Buffer.from("lo"), false, Buffer.from("hel"));
    stream.sendTrailers(TRAILERS, ["x", "y"]);
    expect(await news()).toEqual(["server stream GET 7", 'server data "hello"', "server trailers grpc-status=0 x=y"]);
    const answer = first(served);
    answer.sendHeaders(OK, ["a", "b"], false);
    answer.sendData(Buffer.from("world"), false);
    answer.sendTrailers(TRAILERS, undefined);
    expect(await news()).toEqual([
      "client headers :status=200 a=b",
      'client data "world"',
      "client trailers grpc-status=0",
    ]);
    expect([stream.closed, answer.closed]).toEqual([true, true]);
    expect(session.openStreams).toBe(0);
    expect(counts.closed).toBe(1);
  });

  test("carries ends on headers and on data", async () => {
    const { session, noting, news } = start((stream) => {
      stream.sendHeaders(OK, undefined, false);
      stream.sendData(Buffer.from("x"), true);
    });
    session.request(GET, undefined, true, noting("client"));
    expect(await news()).toEqual(["server stream GET  END", "client headers :status=200", 'client data "x" END']);
    const short = start((stream) => stream.sendHeaders(OK, undefined, true));
    short.session.request(GET, undefined, true, short.noting("client"));
    expect(await short.news()).toEqual(["server stream GET  END", "client headers :status=200 END"]);
    expect(short.session.openStreams).toBe(0);
  });

  test("calls nobody before request has returned", async () => {
    const { session, noting, heard, news } = start((stream) => stream.sendHeaders(OK, undefined, true));
    session.request(GET, undefined, true, noting("client"));
    expect(heard).toEqual([]);
    expect(await news()).toHaveLength(2);
  });

  test("does nothing more after an end", async () => {
    const { session, noting, news } = start((stream) => {
      stream.sendData(Buffer.from("too early"), false);
      stream.sendHeaders(OK, undefined, false);
      stream.sendHeaders(OK, undefined, false);
      stream.sendData(Buffer.from("x"), true);
      expect(stream.sendData(Buffer.from("y"), true)).toBe(true);
      stream.sendTrailers(TRAILERS, undefined);
    });
    session.request(GET, undefined, true, noting("client"));
    expect((await news()).slice(1)).toEqual(["client headers :status=200", 'client data "x" END']);
  });

  test("tells a reset by the client to the server alone", async () => {
    const { session, noting, news, served } = start();
    const stream = session.request(GET, undefined, false, noting("client"));
    await news();
    stream.reset(ErrorCode.CANCEL);
    stream.reset(ErrorCode.CANCEL);
    stream.sendData(Buffer.from("x"), true);
    expect(stream.closed).toBe(true);
    expect(await news()).toEqual(["server reset CANCEL peer"]);
    expect(first(served).closed).toBe(true);
    first(served).sendHeaders(OK, undefined, true);
    expect(await news()).toEqual([]);
    expect(session.openStreams).toBe(0);
  });

  test("tells a reset by the server to the client, behind what was sent before", async () => {
    const { session, noting, news } = start((stream) => {
      stream.sendHeaders(OK, undefined, false);
      stream.sendData(Buffer.from("x"), false);
      stream.reset(ErrorCode.INTERNAL_ERROR);
    });
    const stream = session.request(GET, undefined, false, noting("client"));
    expect((await news()).slice(1)).toEqual([
      "client headers :status=200",
      'client data "x"',
      "client reset INTERNAL_ERROR peer",
    ]);
    expect(stream.closed).toBe(true);
  });

  test("says of a refused stream that it was not processed", async () => {
    const { session, noting, news } = start((stream) => stream.reset(ErrorCode.REFUSED_STREAM));
    session.request(GET, undefined, true, noting("client"));
    expect((await news()).slice(1)).toEqual(["client reset REFUSED_STREAM unprocessed"]);
  });

  test("lets a stream that was reset hear nothing more, whatever is on its way", async () => {
    const { session, noting, news, served } = start();
    const stream = session.request(GET, undefined, false, noting("client"));
    await news();
    first(served).sendHeaders(OK, undefined, false);
    first(served).sendData(Buffer.from("x"), false);
    stream.reset(ErrorCode.CANCEL);
    expect(await news()).toEqual(["server reset CANCEL peer"]);
  });

  test("lets a server that has answered to the end hear nothing more of the request", async () => {
    const { session, noting, news } = start((stream) => stream.sendHeaders(OK, undefined, true));
    const stream = session.request(GET, undefined, false, noting("client"));
    await news();
    stream.sendData(Buffer.from("more!"), false);
    stream.sendTrailers(TRAILERS, undefined);
    expect(await news()).toEqual([]);
    expect(stream.closed).toBe(true);
    expect(session.openStreams).toBe(0);
  });

  test("has a sender wait for a receiver that does not consume, and tells it once to go on", async () => {
    const { session, noting, news, served } = start();
    const stream = session.request(GET, undefined, false, noting("client"));
    await news();
    let sent = 0;
    while (stream.sendData(Buffer.alloc(10_000), false)) {
      sent += 10_000;
      expect(sent).toBeLessThan(10_000_000);
    }
    sent += 10_000;
    const before = await news();
    expect(before.filter((line) => line.includes("drain"))).toEqual([]);
    expect(stream.queuedBytes).toBeGreaterThan(0);
    for (let count = 0; count < 1_000 && stream.queuedBytes > 0; count++) {
      first(served).consume(10_000);
      if (count % 10 === 0) await turn();
    }
    expect((await news()).filter((line) => line.includes("drain"))).toEqual(["client drain"]);
    stream.sendData(Buffer.from("last!"), true);
    expect((await news()).filter((line) => line.includes("drain"))).toEqual([]);
    first(served).reset(ErrorCode.CANCEL);
  });

  test("lets one stream wait without holding up another", async () => {
    const { session, noting, news, served } = start();
    const slow = session.request(GET, undefined, false, noting("slow"));
    const quick = session.request(GET, undefined, false, noting("quick"));
    await news();
    while (slow.sendData(Buffer.alloc(10_000), false));
    quick.sendData(Buffer.from("hello"), true);
    expect((await news()).at(-1)).toBe('server data "hello" END');
    expect(served).toHaveLength(2);
  });

  test("resets the stream of a handler that throws, and no other", async () => {
    const bug = new Error("a bug");
    const { session, noting, news, served, errors } = start((stream, _, count) => {
      if (count === 1) {
        stream.handler = noting("broken", {
          onData: () => {
            throw bug;
          },
        });
      }
    });
    const stream = session.request(GET, undefined, false, noting("client"));
    const other = session.request(GET, undefined, false, noting("other"));
    await news();
    stream.sendData(Buffer.from("first"), false);
    stream.sendData(Buffer.from("second"), true);
    other.sendData(Buffer.from("third"), true);
    const heard = await news();
    expect(heard.sort()).toEqual([
      'broken data "first"',
      "client reset INTERNAL_ERROR peer",
      'server data "third" END',
    ]);
    expect(errors).toEqual([bug]);
    expect(first(served).closed).toBe(true);
    expect(session.openStreams).toBe(1);
  });

  test("resets a stream whose onStream throws", async () => {
    const bug = new Error("a bug");
    const { session, noting, news, errors } = start(() => {
      throw bug;
    });
    session.request(GET, undefined, true, noting("client"));
    expect(await news()).toEqual(["server stream GET  END", "client reset INTERNAL_ERROR peer"]);
    expect(errors).toEqual([bug]);
    expect(session.openStreams).toBe(0);
  });

  test("tells both sides of every stream when it is destroyed", async () => {
    const { session, noting, news } = start();
    session.request(GET, undefined, false, noting("client"));
    await news();
    session.destroy();
    session.destroy();
    expect(session.closed).toBe(true);
    const heard = await news();
    expect(heard.map((line) => line.replace(/ [A-Z_]+ /, " … ")).sort()).toEqual([
      "client reset … connection",
      "server reset … connection",
    ]);
    expect(session.openStreams).toBe(0);
    expect(session.freeStreams).toBe(0);
    expect(() => session.request(GET, undefined, true, noting("late"))).toThrow(RangeError);
  });

  test("that drains opens no stream, lets the last one finish and is closed", async () => {
    const { session, noting, news, served } = start();
    session.request(GET, undefined, true, noting("client"));
    await news();
    session.drain();
    session.drain();
    expect(session.draining).toBe(true);
    expect(session.closed).toBe(false);
    expect(session.freeStreams).toBe(0);
    expect(() => session.request(GET, undefined, true, noting("late"))).toThrow(RangeError);
    first(served).sendHeaders(OK, undefined, true);
    expect(await news()).toEqual(["client headers :status=200 END"]);
    expect(session.closed).toBe(true);
    expect(session.draining).toBe(true);
  });

  test("that drains with nothing open is closed", () => {
    const { session } = start();
    session.drain();
    expect(session.closed).toBe(true);
  });

  test("hands the server a list of its own", async () => {
    const lists: HeaderList[] = [];
    const session = connect({
      onStream: (stream, headers) => {
        headers.memo = "the server's";
        lists.push(headers);
        stream.sendHeaders(OK, undefined, true);
      },
      onStreamClosed: () => undefined,
      onHandlerError: () => undefined,
    });
    const { noting, news } = start();
    session.request(GET, undefined, true, noting("client"));
    await news();
    expect(lists).toHaveLength(1);
    expect(GET.memo).toBeUndefined();
  });

  test("answers a ping", async () => {
    const { session, news } = start();
    const times: number[] = [];
    session.ping((ms) => times.push(ms));
    expect(times).toEqual([]);
    await news();
    expect(times).toEqual([0]);
  });

  test("lets a server reset the rest of a request that it has answered", async () => {
    const { session, noting, news, served } = start((stream) => stream.sendHeaders(OK, undefined, true));
    const stream = session.request(GET, undefined, false, noting("client"));
    await news();
    first(served).reset(ErrorCode.NO_ERROR);
    expect(await news()).toEqual(["client reset NO_ERROR peer"]);
    expect(stream.closed).toBe(true);
    expect(session.openStreams).toBe(0);
  });

  test("keeps its order under handlers that answer from within every call", async () => {
    const { session, noting, news } = start((stream) => {
      stream.handler = noting("server", {
        onData: (chunk, end) => {
          stream.consume(chunk.length);
          stream.sendData(Buffer.from(chunk), false);
          if (end) stream.sendTrailers(TRAILERS, undefined);
        },
      });
      stream.sendHeaders(OK, undefined, false);
    });
    let left = 20;
    const stream = session.request(
      GET,
      undefined,
      false,
      noting("client", {
        onHeaders: () => void stream.sendData(Buffer.of(48), false),
        onData: (chunk) => {
          stream.consume(chunk.length);
          if (left > 0) stream.sendData(Buffer.of(48 + (left % 10)), --left === 0);
        },
      }),
    );
    for (let count = 0; count < 30; count++) await turn();
    const heard = await news();
    expect(heard.filter((line) => line.startsWith("client data"))).toHaveLength(21);
    expect(heard.at(-1)).toBe("client trailers grpc-status=0");
    expect(session.openStreams).toBe(0);
  });
});
