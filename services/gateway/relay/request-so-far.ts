import { ByteQueue, type HeaderList, type HttpStream } from "@heddle/mesh/wire";

/** What has come of a request's body, kept as long as it can be sent, or sent once more. */
export class RequestSoFar {
  /** The caller has sent everything. */
  ended: boolean;
  /** Bytes that have come. */
  bytes = 0;
  #trailers: HeaderList | undefined = undefined;
  #first: Uint8Array | undefined = undefined;
  /** What came after the first piece, while nobody was there to send it to. */
  #rest: ByteQueue | undefined = undefined;
  /** More was passed on than is kept. */
  #isIncomplete = false;

  constructor(ended: boolean) {
    this.ended = ended;
  }

  /** True once a piece has come. */
  get isBegun(): boolean {
    return this.#first !== undefined || this.#isIncomplete;
  }

  /** True when all of the request so far can be sent. */
  get isWhole(): boolean {
    return !this.#isIncomplete;
  }

  /** True for a request that is headers alone. */
  get isBare(): boolean {
    return this.ended && this.#first === undefined && this.#trailers === undefined;
  }

  /** Keeps a piece while it is the only one, as of most calls, or nobody is there to send it to. */
  add(piece: Uint8Array, isPassedOn: boolean): void {
    this.bytes += piece.length;
    if (piece.length === 0 || this.#isIncomplete) return;
    if (this.#first === undefined) {
      this.#first = piece;
    } else if (isPassedOn) {
      this.drop();
    } else {
      this.#rest ??= new ByteQueue();
      this.#rest.push(piece);
    }
  }

  end(trailers: HeaderList): void {
    this.ended = true;
    this.#trailers = trailers;
  }

  /** Sends all there is; false when the stream should be sent no more for now. */
  sendOn(stream: HttpStream): boolean {
    const first = this.#first;
    const rest = this.#rest;
    const trailers = this.#trailers;
    const ends = this.ended && trailers === undefined;
    let more = true;
    if (first !== undefined) more = stream.sendData(first, ends && rest === undefined);
    if (rest !== undefined) {
      // Sent once, it is not kept: only what is one piece is sent again.
      for (let bytes = rest.shift(); bytes !== undefined; bytes = rest.shift()) {
        more = stream.sendData(bytes, ends && rest.length === 0);
      }
      this.drop();
    }
    if (trailers !== undefined) stream.sendTrailers(trailers, undefined);
    // Nothing is said of the room after the end.
    return more || this.ended;
  }

  /** It will not be sent again. */
  drop(): void {
    this.#first = undefined;
    this.#rest = undefined;
    this.#isIncomplete = true;
  }
}
