import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type FakeClock, fakeClock } from "../testing/fake-clock.ts";
import { Connection } from "./connection.ts";
import { ErrorCode } from "./error-code.ts";
import { fuzzParameters } from "./fixtures/fuzz-parameters.ts";
import { OutputChecker } from "./fixtures/output-checker.ts";
import { RandomApplication } from "./fixtures/random-application.ts";
import { type Script, script, scriptBytes } from "./fixtures/random-frames.ts";
import { type RandomNumbers, randomNumbers } from "./fixtures/random-numbers.ts";
import { DEFAULT_WIRE_LIMITS, type WireLimits } from "./limits.ts";
import { processBytes } from "./process-bytes.ts";

const LIMITS: WireLimits = {
  ...DEFAULT_WIRE_LIMITS,
  concurrentStreamsMax: 20,
  headerListBytesMax: 2_000,
  headerBlockBytesMax: 3_000,
  continuationFramesMax: 3,
  streamWindowBytes: 40_000,
  connectionWindowBytes: 100_000,
  unreadBytesMax: 50_000,
  resetsBurst: 20,
  controlFramesBurst: 40,
  windowUpdatesBurst: 40,
  tinyDataFramesBurst: 20,
  outputBytesMax: 700_000,
  queuedBytesMax: 300_000,
  streamQueueBytes: 30_000,
};
/** Unread bodies, queues and output, each at its bound, and the one piece that passes it. */
const HELD_BYTES_MAX =
  LIMITS.unreadBytesMax + LIMITS.connectionWindowBytes + LIMITS.queuedBytesMax + 20 * 60_000 + LIMITS.outputBytesMax;

interface Rig {
  readonly connection: Connection;
  readonly application: RandomApplication;
  readonly clock: FakeClock;
}

const rig = (role: "server" | "client", random: RandomNumbers, limits: WireLimits = LIMITS): Rig => {
  const application = new RandomApplication(random, { opens: role === "client" });
  const clock = fakeClock();
  const connection = new Connection({
    role,
    peer: "192.0.2.1:4711",
    limits,
    clock,
    handler: application,
    carrier: { wake: () => undefined, end: () => undefined },
  });
  application.connection = connection;
  return { connection, application, clock };
};

/** The pieces of `bytes`, `sizes` long in turn; of a long script they are larger, for its time's sake. */
const pieces = (bytes: Buffer, sizes: readonly number[]): Buffer[] => {
  const all: Buffer[] = [];
  const least = Math.floor(bytes.length / PIECES_MAX);
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = least + (sizes[turn % sizes.length] as number);
    all.push(bytes.subarray(at, at + size));
    at += size;
  }
  return all;
};
const PIECES_MAX = 300;

const attack = (role: "server" | "client", played: Script): void => {
  const before = processBytes();
  const random = randomNumbers(played.seed);
  const { connection, application, clock } = rig(role, random);
  const checker = new OutputChecker(role);
  const flush = () => {
    const output = connection.takeOutput();
    if (output !== undefined) checker.output(output.buffer.subarray(0, output.length));
    connection.refill();
  };
  if (role === "client") for (let count = 0; count < 6; count++) application.open();
  for (const chunk of pieces(scriptBytes(played, role), played.chunks)) {
    // As large as it is and no larger: who reads beyond its end reads undefined. What is kept as a view is spoiled after.
    const lent = new Uint8Array(chunk);
    checker.input(lent);
    connection.receive(lent);
    lent.fill(0xee);
    expect(connection.heldBytes).toBeLessThanOrEqual(HELD_BYTES_MAX);
    if (!connection.closed) between(connection, application, clock, random);
    if (!random.oneIn(4)) flush();
  }
  connection.setCongested(false);
  for (let count = 0; connection.output.length > 0; count++) {
    flush();
    expect(count).toBeLessThan(1_000);
  }
  checker.finished(connection.closed);
  connection.lost(undefined);
  expect(application.wrongs).toEqual([]);
  expect(application.caught).toBe(application.thrown);
  expect(connection.openStreams).toBe(0);
  expect(application.closed).toBe(true);
  expect(processBytes()).toBe(before);
};

/** What happens when nothing arrives: the application does something, the socket or the clock goes on. */
const between = (connection: Connection, application: RandomApplication, clock: FakeClock, random: RandomNumbers) => {
  for (let count = random.below(4); count > 0; count--) application.stir();
  switch (random.below(30)) {
    case 0:
      return connection.setCongested(true);
    case 1:
    case 2:
      return connection.setCongested(false);
    case 3:
      clock.advance(random.below(10_000));
      return connection.stopSenders();
    case 4:
      clock.advance(random.below(100_000));
      return connection.resetStalled(clock.monotonicMs(), { stallTimeoutMs: 60_000, stallBytesMin: 1 });
    case 5:
      return random.oneIn(10) ? connection.drain() : connection.goOnDraining();
    case 6:
      return random.oneIn(40) ? connection.overflow() : undefined;
    case 7:
      return random.oneIn(40) ? connection.timeOut(ErrorCode.SETTINGS_TIMEOUT, "late") : undefined;
    default:
  }
};

describe("whatever a peer sends", () => {
  test.each(["server", "client"] as const)(
    "a %s does not throw, answers with HTTP/2, calls its handlers in order and lets go of everything",
    (role) => {
      fc.assert(
        fc.property(script, (played) => attack(role, played)),
        fuzzParameters(),
      );
    },
  );

  test.each(["server", "client"] as const)("a %s does the same however it is cut into chunks", (role) => {
    // The bound of output is looked at once per chunk.
    const limits = { ...LIMITS, outputBytesMax: 1_000_000_000 };
    const play = (played: Script, chunks: readonly number[]) => {
      const { connection, application } = rig(role, randomNumbers(played.seed), limits);
      if (role === "client") for (let count = 0; count < 6; count++) application.open();
      for (const chunk of pieces(scriptBytes(played, role), chunks)) connection.receive(new Uint8Array(chunk));
      const output = connection.takeOutput();
      const sent = Buffer.from(output?.buffer.subarray(0, output.length) ?? []).toString("latin1");
      connection.lost(undefined);
      return { sent, log: application.log };
    };
    fc.assert(
      fc.property(script, (played) => {
        expect(play(played, played.chunks)).toEqual(play(played, [1_000_000]));
      }),
      fuzzParameters(0.5),
    );
  });

  test.each(["server", "client"] as const)("rubbish behind a proper beginning does a %s no harm either", (role) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.integer({ min: 1, max: 400 }), (rubbish, size) => {
        const { connection, application } = rig(role, randomNumbers(rubbish.length));
        const checker = new OutputChecker(role);
        const greeting = scriptBytes({ steps: [], seed: 0, chunks: [] }, role);
        for (const chunk of [greeting, ...pieces(Buffer.from(rubbish), [size])]) {
          checker.input(chunk);
          connection.receive(chunk);
        }
        const output = connection.takeOutput();
        checker.output(output?.buffer.subarray(0, output.length) ?? new Uint8Array());
        checker.finished(connection.closed);
        connection.lost(undefined);
        expect(application.wrongs).toEqual([]);
      }),
      fuzzParameters(0.5),
    );
  });
});
