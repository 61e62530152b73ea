import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { systemRuntime } from "../mesh/runtime/index.ts";
import {
  CLIENT_PREFACE,
  continuation,
  cut,
  data,
  FrameTeller,
  headers,
  ping,
  request,
  rst,
  Setting,
  settings,
  settingsAck,
  windowUpdate,
} from "../mesh/wire/fixtures/raw-frames.ts";
import { connectSession, HeaderList, type HttpStream, serveSession } from "../mesh/wire/index.ts";
import { processBytes } from "../mesh/wire/process-bytes.ts";

const { clock, random, timers } = systemRuntime();
const deps = { clock, random, timers };
const turn = (): Promise<void> => new Promise((resolve) => timers.afterTurn(resolve));

const GET = HeaderList.of({ ":method": "GET", ":scheme": "http", ":path": "/good", ":authority": "test" });
const OK = HeaderList.of({ ":status": "200" });
/** What a large answer is long: more than any window that was not opened on purpose. */
const LARGE = Buffer.alloc(1_000_000);

/** A server on loopback that answers `/good` by a few bytes and anything else by many, and counts what reaches it. */
const listen = async () => {
  const reached = { good: 0, others: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    const onStream = (stream: HttpStream, list: HeaderList) => {
      const good = list.get(":path") === "/good";
      reached[good ? "good" : "others"]++;
      stream.sendHeaders(OK, undefined, false);
      stream.sendData(good ? Buffer.from("hello") : LARGE, true);
    };
    serveSession(socket, { onStream }, deps);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  });
  return { port: (server.address() as AddressInfo).port, reached, sockets };
};

/** Makes `count` calls one after the other; every one of them must be answered. */
const goodCalls = async (port: number, count: number): Promise<void> => {
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  const session = connectSession(socket, { onStream: () => undefined }, deps);
  for (let call = 0; call < count; call++) {
    const body = await new Promise<string>((resolve, reject) => {
      let text = "";
      const stream = session.request(GET, undefined, true, {
        onHeaders: () => undefined,
        onData(chunk, end) {
          text += Buffer.from(chunk).toString();
          stream.consume(chunk.length);
          if (end) resolve(text);
        },
        onTrailers: () => undefined,
        onReset: (code, cause) => reject(new Error(`reset ${code} ${cause}`)),
        onDrain: () => undefined,
      });
    });
    expect(body).toBe("hello");
  }
  session.destroy();
};

interface Attack {
  /** The next piece of it. */
  readonly next: (count: number) => Buffer;
  /** Once, before. */
  readonly before?: Buffer;
  /** False: it never reads what it is sent. */
  readonly reads?: boolean;
}

/** Attacks until the server has had enough, or for `pieces`; tells the server's last frame. */
const attack = async (port: number, { next, before, reads = true }: Attack, pieces = 50_000): Promise<string> => {
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  let received: Buffer = Buffer.alloc(0);
  let over = false;
  if (reads) socket.on("data", (chunk: Buffer) => (received = Buffer.concat([received, chunk])));
  else socket.pause();
  socket.on("error", () => undefined);
  socket.on("end", () => socket.end());
  socket.on("close", () => {
    over = true;
  });
  await once(socket, "connect");
  socket.write(
    Buffer.concat([CLIENT_PREFACE, settings([Setting.WINDOW, 0]), settingsAck(), before ?? Buffer.alloc(0)]),
  );
  for (let count = 0; count < pieces && !over && !socket.readableEnded; count++) {
    // A peer that is not read from any more must not fill its own memory here.
    if (socket.writableLength < 1_000_000) socket.write(next(count));
    if (count % 50 === 0) await turn();
  }
  for (let turns = 0; turns < 200 && !over; turns++) await turn();
  return new FrameTeller().tell(cut(received).frames).at(-1) ?? "nothing";
};

const CALM = expect.stringMatching(/^GOAWAY \d+ ENHANCE_YOUR_CALM$/);

const attacks: readonly (readonly [string, Attack])[] = [
  ["Rapid Reset", { next: (count) => Buffer.concat([request(2 * count + 1), rst(2 * count + 1, 8)]) }],
  ["MadeYouReset", { next: (count) => Buffer.concat([request(2 * count + 1), windowUpdate(2 * count + 1, 0)]) }],
  [
    "a flood of CONTINUATION",
    { before: headers(1, Buffer.alloc(0), { endHeaders: false }), next: () => continuation(1, Buffer.of(0x82), false) },
  ],
  ["a flood of PING", { next: () => ping() }],
  ["a flood of SETTINGS", { next: () => settings([Setting.WINDOW, 0]) }],
  ["a flood of empty DATA", { before: request(1, { end: false }), next: () => data(1, "") }],
];

test.each(attacks)("%s over a socket ends with GOAWAY, and a good client goes on", async (_, each) => {
  const held = processBytes();
  const { port, reached } = await listen();
  const [last] = await Promise.all([attack(port, each), goodCalls(port, 200)]);
  expect(last).toEqual(CALM);
  expect(reached.good).toBe(200);
  expect(reached.others).toBeLessThan(5_000);
  for (let turns = 0; turns < 1_000 && processBytes() > held; turns++) await turn();
  expect(processBytes()).toBe(held);
});

test("twenty peers that never read, each with all that it may ask for, do not stop a good client", async () => {
  const { port, reached, sockets } = await listen();
  const held = processBytes();
  const greedy: Attack = {
    reads: false,
    before: settings([Setting.WINDOW, 0x7fff_ffff]),
    next: (count) =>
      count < 40 ? Buffer.concat([request(2 * count + 1), windowUpdate(0, 50_000_000)]) : Buffer.alloc(0),
  };
  await Promise.all([...Array.from({ length: 20 }, () => attack(port, greedy, 60)), goodCalls(port, 200)]);
  expect(reached.good).toBe(200);
  // 64 MiB for the bodies of each connection, and a little for the rest.
  expect(processBytes() - held).toBeLessThan(20 * 66 * 1024 * 1024);
  for (const socket of sockets) expect(socket.writableLength).toBeLessThan(2_000_000);
});
