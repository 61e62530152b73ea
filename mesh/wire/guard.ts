import type { Clock } from "../runtime/index.ts";
import { Budget } from "./budget.ts";
import { ConnectionError, ErrorCode } from "./error-code.ts";
import type { WireLimits } from "./limits.ts";

/** Ranges of stream ids that were passed over; more are not remembered. */
const SKIPPED_RANGES_MAX = 16;

/** Counts what a peer may do only so often (RFC 9113, 10.5), and ends its connection with ENHANCE_YOUR_CALM beyond. */
export class Guard {
  readonly #resets: Budget;
  readonly #control: Budget;
  readonly #updates: Budget;
  readonly #tiny: Budget;
  #updatesEarnedFor = 0;
  #pingsEarnedFor = 0;
  #streams = 0;
  readonly #skipped: { readonly from: number; readonly to: number }[] = [];

  constructor(limits: WireLimits, clock: Clock) {
    this.#resets = new Budget(limits.resetsBurst, limits.resetsPerSecond, clock);
    this.#control = new Budget(limits.controlFramesBurst, limits.controlFramesPerSecond, clock);
    this.#updates = new Budget(limits.windowUpdatesBurst, limits.windowUpdatesPerSecond, clock);
    this.#tiny = new Budget(limits.tinyDataFramesBurst, limits.tinyDataFramesPerSecond, clock);
  }

  /** A stream was ended early by the peer, or by us for the peer's fault. */
  reset(): void {
    if (!this.#resets.take()) throw calm("streams are reset too often");
  }

  /** A stream came to its proper end, which allows for another reset. */
  streamDone(): void {
    this.#resets.earn(1);
  }

  /** SETTINGS, PRIORITY, GOAWAY, an interim response, or a frame that is unknown. */
  controlFrame(): void {
    if (!this.#control.take()) throw calm("too many control frames");
  }

  /** gRPC measures its bandwidth by a PING for each round trip in which it received data: one for each DATA frame is fair. */
  ping(dataFramesSent: number): void {
    this.#control.earn(dataFramesSent - this.#pingsEarnedFor);
    this.#pingsEarnedFor = dataFramesSent;
    this.controlFrame();
  }

  windowUpdate(dataFramesSent: number): void {
    const work = dataFramesSent + this.#streams;
    this.#updates.earn(2 * (work - this.#updatesEarnedFor));
    this.#updatesEarnedFor = work;
    if (!this.#updates.take()) throw calm("too many WINDOW_UPDATE frames");
  }

  tinyData(): void {
    if (!this.#tiny.take()) throw calm("too many DATA frames that carry next to nothing");
  }

  /** Notes which ids lie between the last stream and this one: they are closed without ever having been open (RFC 9113, 5.1.1). */
  streamOpened(lastId: number, id: number): void {
    this.#streams++;
    const from = lastId === 0 ? 1 : lastId + 2;
    if (id > from && this.#skipped.length < SKIPPED_RANGES_MAX) this.#skipped.push({ from, to: id - 2 });
  }

  wasSkipped(id: number): boolean {
    return this.#skipped.some(({ from, to }) => id >= from && id <= to);
  }
}

const calm = (message: string): ConnectionError => new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, message);
