import fc from "fast-check";
import { expect, test } from "vitest";
import { ErrorCode } from "./error-code.ts";
import { ConnectionPair, type Side } from "./fixtures/connection-pair.ts";
import { fuzzParameters } from "./fixtures/fuzz-parameters.ts";
import { type RandomNumbers, randomNumbers } from "./fixtures/random-numbers.ts";
import { HeaderList } from "./header-list.ts";
import type { HttpStream, ResetCause, StreamHandler } from "./http-stream.ts";
import { processBytes } from "./process-bytes.ts";

/** What one side of an exchange means to send. */
interface Plan {
  readonly bytes: number;
  readonly trailers: boolean;
  /** A server that does not wait for the end of the request. */
  readonly early: boolean;
  /** After how many bytes sent it gives up, or -1. */
  readonly resetAfter: number;
}

const SIZES = [0, 1, 4, 100, 16_384, 16_385, 70_000, 200_000] as const;
const byteAt = (number: number, side: Side, at: number): number =>
  (at * 31 + number * 17 + (side === "client" ? 1 : 2)) & 255;

/** One side of one exchange: it sends what it has planned, and checks what comes. */
class Party implements StreamHandler {
  readonly #number: number;
  readonly #side: Side;
  readonly #plan: Plan;
  readonly #random: RandomNumbers;
  stream: HttpStream | undefined;
  #sent = 0;
  #blocked = false;
  #finished = false;
  received = 0;
  unconsumed = 0;
  ended = false;
  trailers: string | undefined;
  headers = false;
  resets = 0;
  unprocessed = false;
  gaveUp = false;

  constructor(number: number, side: Side, plan: Plan, random: RandomNumbers) {
    this.#number = number;
    this.#side = side;
    this.#plan = plan;
    this.#random = random;
  }

  onHeaders(_: HeaderList, end: boolean): void {
    expect(this.headers).toBe(false);
    this.headers = true;
    this.ended = end;
  }

  onData(chunk: Uint8Array, end: boolean): void {
    expect(this.ended || this.gaveUp).toBe(false);
    const other = this.#side === "client" ? "server" : "client";
    for (let index = 0; index < chunk.length; index++) {
      if (chunk[index] !== byteAt(this.#number, other, this.received + index)) {
        throw new Error(`byte ${this.received + index} of exchange ${this.#number} is wrong`);
      }
    }
    this.received += chunk.length;
    this.unconsumed += chunk.length;
    this.ended = end;
    if (this.#random.oneIn(2)) this.consume();
  }

  onTrailers(list: HeaderList): void {
    expect(this.ended).toBe(false);
    this.ended = true;
    this.trailers = list.get("x-number");
  }

  onReset(_: number, cause: ResetCause): void {
    this.resets++;
    this.unprocessed = cause === "unprocessed";
  }

  onDrain(): void {
    expect(this.#blocked).toBe(true);
    this.#blocked = false;
    if (this.#random.oneIn(2)) this.send();
  }

  consume(): void {
    this.stream?.consume(this.unconsumed);
    this.unconsumed = 0;
  }

  /** Sends until all is sent or it is told to wait. */
  send(): void {
    const { stream } = this;
    if (stream === undefined || this.#blocked || this.#finished || this.resets > 0) return;
    const { bytes, trailers, resetAfter } = this.#plan;
    while (!this.#blocked && !this.#finished) {
      if (resetAfter >= 0 && this.#sent >= resetAfter) {
        this.#finished = true;
        // Who has heard all and said all has nothing to give up.
        this.gaveUp = !stream.closed;
        stream.reset(ErrorCode.CANCEL);
        return;
      }
      // Who has answered to the end hears nothing more: most servers hear the request out.
      const holds = this.#side === "server" && !this.#plan.early && !this.ended;
      if (this.#sent === bytes) {
        if (holds) return;
        this.#finished = true;
        if (trailers) stream.sendTrailers(HeaderList.of({ "x-number": String(this.#number) }), undefined);
        else stream.sendData(new Uint8Array(0), true);
        return;
      }
      const size = Math.min(bytes - this.#sent, this.#random.pick([1, 50, 5_000, 40_000]));
      const last = this.#sent + size === bytes && !trailers && !holds;
      const chunk = Buffer.alloc(size);
      for (let index = 0; index < size; index++) chunk[index] = byteAt(this.#number, this.#side, this.#sent + index);
      this.#sent += size;
      const cut = this.#random.oneIn(3) ? this.#random.below(size + 1) : 0;
      const goOn = stream.sendData(chunk.subarray(cut), last, cut > 0 ? chunk.subarray(0, cut) : undefined);
      this.#finished = last;
      this.#blocked = !goOn;
      if (this.#random.oneIn(3)) return;
    }
  }

  /** What must hold once everything has been delivered. */
  check(other: Party): void {
    const plan = other.#plan;
    if (this.gaveUp || other.gaveUp) {
      expect(this.resets).toBeLessThanOrEqual(this.gaveUp ? 0 : 1);
      return;
    }
    expect(this.resets).toBe(0);
    if (this.#plan.early && this.#side === "server" && !this.ended) return;
    expect(this.ended).toBe(true);
    expect(this.received).toBe(plan.bytes);
    expect(this.trailers).toBe(plan.trailers ? String(this.#number) : undefined);
  }
}

const REQUEST = HeaderList.of({ ":method": "POST", ":scheme": "http", ":path": "/a", ":authority": "test" });
const OK = HeaderList.of({ ":status": "200" });

const plan = (random: RandomNumbers): Plan => {
  const bytes = random.pick(SIZES);
  return {
    bytes,
    trailers: random.oneIn(2),
    early: random.oneIn(4),
    resetAfter: random.oneIn(12) ? random.below(bytes + 1) : -1,
  };
};

const simulate = (seed: number): void => {
  const before = processBytes();
  const random = randomNumbers(seed);
  const count = 1 + random.below(6);
  const clients: Party[] = [];
  const servers: Party[] = [];
  const errors: unknown[] = [];
  const pair: ConnectionPair = new ConnectionPair(
    {
      client: { onStream: () => undefined, onHandlerError: (error) => errors.push(error) },
      server: {
        onStream: (stream, headers, end) => {
          const number = Number(headers.get("x-number"));
          const party = new Party(number, "server", plan(random), random);
          servers[number] = party;
          party.stream = stream;
          stream.handler = party;
          party.headers = true;
          party.ended = end;
          stream.sendHeaders(OK, undefined, false);
        },
        onHandlerError: (error) => errors.push(error),
      },
    },
    {
      concurrentStreamsMax: 3,
      streamWindowBytes: random.pick([65_536, 100_000, 1_000_000]),
      connectionWindowBytes: random.pick([70_000, 200_000, 4_000_000]),
      unreadBytesMax: random.pick([100_000, 1_000_000]),
      streamQueueBytes: random.pick([0, 1_000, 64_000]),
      frameBytesMax: random.pick([16_384, 100_000]),
    },
  );
  const open = () => {
    if (clients.length >= count || pair.client.freeStreams === 0) return;
    const number = clients.length;
    const party = new Party(number, "client", plan(random), random);
    clients.push(party);
    party.stream = pair.client.request(REQUEST, ["x-number", String(number)], false, party);
  };
  const parties = () => [...clients, ...servers.filter((party) => party !== undefined)];
  const stir = () => {
    const side = random.pick(["client", "server"] as const);
    const all = parties();
    const party = all[random.below(Math.max(1, all.length))];
    switch (random.below(8)) {
      case 0:
        return open();
      case 1:
        return party?.send();
      case 2:
        return party?.consume();
      case 3:
        return pair.flush(side);
      case 4:
      case 5:
        return pair.deliver(side, random.pick([1, 9, 100, 20_000, 1_000_000]));
      case 6:
        return pair[side].setCongested(random.oneIn(3));
      default:
        return pair[side].refill();
    }
  };
  for (let steps = random.below(300); steps > 0; steps--) stir();
  // From now on everybody goes on as fast as possible: then all must come to its end.
  pair.client.setCongested(false);
  pair.server.setCongested(false);
  for (let rounds = 0; clients.length < count || pair.client.openStreams + pair.server.openStreams > 0; rounds++) {
    open();
    for (const party of parties()) {
      party.send();
      party.consume();
    }
    pair.settle();
    if (rounds > 1_000) throw new Error("the exchanges do not come to an end");
  }
  expect(errors).toEqual([]);
  expect(clients).toHaveLength(count);
  clients.forEach((client, number) => {
    const server = servers[number];
    // More than the server allows were opened before its SETTINGS had come.
    if (server === undefined) expect(client.gaveUp || client.unprocessed).toBe(true);
    else {
      client.check(server);
      server.check(client);
    }
  });
  pair.settle();
  expect([pair.client.heldBytes, pair.server.heldBytes]).toEqual([0, 0]);
  expect([pair.client.closed, pair.server.closed]).toEqual([false, false]);
  (random.oneIn(2) ? pair.client : pair.server).drain();
  pair.settle();
  expect([pair.client.closed, pair.server.closed]).toEqual([true, true]);
  expect(processBytes()).toBe(before);
};

test("two connections carry every byte and trailer of random exchanges, however late and cut, and end idle", () => {
  fc.assert(fc.property(fc.integer(), simulate), fuzzParameters(0.1));
});
