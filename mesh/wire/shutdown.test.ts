import { describe, expect, test } from "vitest";
import { ErrorCode } from "./error-code.ts";
import { ACK, data, frame, goAway, ping, request, response, rst, Type } from "./fixtures/raw-frames.ts";
import { RawPeer } from "./fixtures/raw-peer.ts";
import { HeaderList } from "./header-list.ts";

const OK = HeaderList.of({ ":status": "200" });
const GET = HeaderList.of({ ":method": "GET", ":scheme": "http", ":path": "/", ":authority": "test" });

/** Answers the PINGs that the engine has sent, and tells everything else. */
const answerPings = (peer: RawPeer): void => {
  for (const { type, flags, payload } of peer.frames()) {
    if (type === Type.PING && flags === 0) peer.send(frame(Type.PING, ACK, 0, payload));
  }
};

describe("a server that drains", () => {
  test("announces it, serves what crosses, names the last stream after two round trips and closes with it", () => {
    const peer = new RawPeer("server");
    peer.send(request(1));
    peer.connection.drain();
    expect(peer.connection.draining).toBe(true);
    for (let roundTrip = 0; roundTrip < 3; roundTrip++) answerPings(peer);
    peer.news();
    peer.send(request(3));
    const said = peer.said();
    expect(said).toEqual(["GOAWAY 1 NO_ERROR", "RST_STREAM 3 REFUSED_STREAM"]);
    expect(peer.news()).toEqual([]);
    peer.streams[0]?.sendHeaders(OK, undefined, true);
    expect(peer.said()).toEqual(["HEADERS 1 :status=200 END"]);
    expect(peer.ended).toBe(true);
    expect(peer.news()).toEqual(["closed"]);
  });

  test("announces it when its peer has read what was said before, and before what is said in the same turn", () => {
    const peer = new RawPeer("server");
    peer.send(request(1));
    peer.connection.drain();
    const [asked] = peer.frames().filter(({ type }) => type === Type.PING);
    peer.streams[0]?.sendHeaders(OK, undefined, true);
    peer.send(frame(Type.PING, ACK, 0, asked?.payload));
    expect(peer.said()).toEqual(["GOAWAY 2147483647 NO_ERROR", "HEADERS 1 :status=200 END", "PING"]);
  });

  test("says 2^31-1 first, so that a request that crosses it is served", () => {
    const peer = new RawPeer("server");
    peer.connection.drain();
    expect(peer.said()).toEqual(["GOAWAY 2147483647 NO_ERROR", "PING"]);
    peer.send(request(1));
    expect(peer.news()).toEqual([expect.stringContaining("stream 1")]);
    expect(peer.ended).toBe(false);
    peer.connection.goOnDraining();
    expect(peer.said()).toEqual(["GOAWAY 1 NO_ERROR"]);
    peer.send(rst(1, ErrorCode.CANCEL));
    expect(peer.ended).toBe(true);
  });

  test("serves a request of a peer that has answered the first PING of the announcement, and heard of nothing yet", () => {
    const peer = new RawPeer("server");
    peer.connection.drain();
    answerPings(peer);
    peer.send(request(1));
    expect(peer.said()).toEqual(["PING"]);
    expect(peer.news()).toEqual([expect.stringContaining("stream 1")]);
    expect(peer.ended).toBe(false);
  });

  test("goes on step by step when its peer answers no PING, and hears no answer that is late", () => {
    const peer = new RawPeer("server");
    peer.send(request(1));
    peer.connection.drain();
    const [asked] = peer.frames().filter(({ type }) => type === Type.PING);
    peer.connection.goOnDraining();
    expect(peer.said()).toEqual(["GOAWAY 2147483647 NO_ERROR", "PING"]);
    peer.send(request(3), frame(Type.PING, ACK, 0, asked?.payload));
    expect(peer.said()).toEqual([]);
    peer.connection.goOnDraining();
    expect(peer.said()).toEqual(["GOAWAY 3 NO_ERROR"]);
  });

  test("and has nothing to do closes after the round trips", () => {
    const peer = new RawPeer("server");
    peer.connection.drain();
    peer.connection.drain();
    answerPings(peer);
    answerPings(peer);
    expect(peer.said()).toEqual(["GOAWAY 0 NO_ERROR"]);
    expect(peer.ended).toBe(true);
    expect(peer.connection.closed).toBe(true);
  });
});

describe("a server whose peer drains", () => {
  test("while it waits to announce that it does so itself says once that it is over", () => {
    const peer = new RawPeer("server");
    peer.send(request(1), rst(1, ErrorCode.CANCEL));
    peer.connection.drain();
    expect(peer.said()).toEqual(["PING"]);
    peer.send(goAway(0, ErrorCode.NO_ERROR));
    expect(peer.said()).toEqual(["GOAWAY 1 NO_ERROR"]);
    expect(peer.ended).toBe(true);
  });

  test("finishes what is open and closes, with a GOAWAY of its own", () => {
    const peer = new RawPeer("server");
    peer.send(request(1), goAway(0, ErrorCode.NO_ERROR));
    expect(peer.news().at(-1)).toBe("draining");
    expect(peer.said()).toEqual([]);
    peer.streams[0]?.sendHeaders(OK, undefined, true);
    expect(peer.said()).toEqual(["HEADERS 1 :status=200 END", "GOAWAY 1 NO_ERROR"]);
    expect(peer.ended).toBe(true);
  });
});

describe("a client that drains", () => {
  test("opens no stream, lets those that are open finish, and closes with the last", () => {
    const peer = new RawPeer("client");
    peer.connection.request(GET, undefined, true, peer.noting(1));
    peer.said();
    peer.connection.drain();
    expect(peer.said()).toEqual(["GOAWAY 0 NO_ERROR"]);
    expect(peer.connection.freeStreams).toBe(0);
    expect(() => peer.connection.request(GET, undefined, true, peer.noting(2))).toThrow(RangeError);
    peer.send(response(1), data(1, "hello", { end: true }));
    expect(peer.news()).toEqual(["headers 1 :status=200", 'data 1 "hello" END', "closed"]);
    expect(peer.said()).toEqual([]);
    expect(peer.ended).toBe(true);
  });

  test("and has nothing open closes at once", () => {
    const peer = new RawPeer("client");
    peer.connection.drain();
    expect(peer.connection.closed).toBe(true);
    expect(peer.ended).toBe(true);
  });
});

describe("a client whose server drains", () => {
  test("tells streams that were not processed, lets the others finish, and opens none", () => {
    const peer = new RawPeer("client");
    for (const number of [1, 2, 3]) peer.connection.request(GET, undefined, true, peer.noting(number));
    peer.said();
    peer.send(goAway(3, ErrorCode.NO_ERROR));
    expect(peer.news().sort()).toEqual(["draining", "reset 3 REFUSED_STREAM unprocessed"]);
    expect(peer.connection.openStreams).toBe(2);
    expect(peer.connection.freeStreams).toBe(0);
    peer.send(goAway(1, ErrorCode.NO_ERROR));
    expect(peer.news()).toEqual(["reset 2 REFUSED_STREAM unprocessed"]);
    peer.send(response(1, { end: true }));
    expect(peer.news()).toEqual(["headers 1 :status=200 END", "closed"]);
    expect(peer.ended).toBe(true);
  });

  test("announced by 2^31-1 loses nothing", () => {
    const peer = new RawPeer("client");
    peer.connection.request(GET, undefined, true, peer.noting(1));
    peer.send(goAway(0x7fff_ffff, ErrorCode.NO_ERROR));
    expect(peer.news()).toEqual(["draining"]);
    peer.send(response(1, { end: true }));
    expect(peer.news()).toEqual(["headers 1 :status=200 END", "closed"]);
  });

  test("each of whose streams hears, though one's handler throws", () => {
    const peer = new RawPeer("client");
    const bug = new Error("a bug");
    const throws = peer.noting(1, {
      onReset() {
        throw bug;
      },
    });
    peer.connection.request(GET, undefined, true, throws);
    peer.connection.request(GET, undefined, true, peer.noting(2));
    peer.send(goAway(0, ErrorCode.NO_ERROR));
    expect(peer.news().sort()).toEqual([
      "closed",
      "draining",
      "reset 1 REFUSED_STREAM unprocessed",
      "reset 2 REFUSED_STREAM unprocessed",
    ]);
    expect(peer.errors).toEqual([bug]);
  });
});

describe("the end at once", () => {
  test("by destroy: GOAWAY with its code, every stream told, then the session", () => {
    const peer = new RawPeer("server");
    peer.send(request(1, { end: false }), request(3));
    peer.news();
    peer.connection.destroy(ErrorCode.INTERNAL_ERROR);
    peer.connection.destroy();
    expect(peer.said()).toEqual(["GOAWAY 3 INTERNAL_ERROR"]);
    expect(peer.news()).toEqual(["reset 1 INTERNAL_ERROR connection", "reset 2 INTERNAL_ERROR connection", "closed"]);
    expect(peer.connection.openStreams).toBe(0);
    expect(peer.ended).toBe(true);
  });

  test("by the loss of the carrier: every stream told, nothing said", () => {
    const peer = new RawPeer("client");
    peer.connection.request(GET, undefined, true, peer.noting(1));
    peer.said();
    peer.connection.lost(new Error("ECONNRESET"));
    peer.connection.lost(undefined);
    expect(peer.news()).toEqual(["reset 1 INTERNAL_ERROR connection", "closed: ECONNRESET"]);
    expect(peer.said()).toEqual([]);
  });

  test("after which nothing is read, sent or called", () => {
    const peer = new RawPeer("server");
    peer.send(request(1, { end: false }));
    peer.connection.destroy();
    peer.said();
    peer.news();
    const [stream] = peer.streams;
    peer.send(data(1, "hello"), request(3), ping());
    stream?.sendHeaders(OK, undefined, true);
    peer.connection.ping(() => peer.heard.push("pong"));
    peer.connection.drain();
    peer.connection.goOnDraining();
    peer.connection.stopSenders();
    peer.connection.refill();
    peer.connection.setCongested(false);
    peer.connection.timeOut(ErrorCode.SETTINGS_TIMEOUT, "late");
    peer.connection.overflow();
    expect(peer.said()).toEqual([]);
    expect(peer.news()).toEqual([]);
    expect(peer.connection.heldBytes).toBe(0);
  });

  test("in the middle of a chunk: the rest of it is not looked at", () => {
    const peer = new RawPeer("server", { onStream: () => peer.connection.destroy() });
    peer.send(request(1), request(3), Buffer.from("rubbish"));
    expect(peer.streams).toHaveLength(1);
    expect(peer.said()).toEqual(["GOAWAY 1 NO_ERROR"]);
  });
});

test.each([
  ["on a stream", frame(Type.GOAWAY, 0, 1, Buffer.alloc(8)), "PROTOCOL_ERROR"],
  ["that is cut", frame(Type.GOAWAY, 0, 0, Buffer.alloc(7)), "FRAME_SIZE_ERROR"],
])("GOAWAY %s ends the connection", (_, bytes, code) => {
  const peer = new RawPeer("client");
  peer.said();
  peer.send(bytes);
  expect(peer.said()).toEqual([`GOAWAY 0 ${code}`]);
});
