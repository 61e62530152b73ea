import type { HeaderList, HttpStream } from "@heddle/mesh/wire";

/** What has come of a request's body, kept as long as it can be sent, or sent once more. */
export class RequestSoFar {
  /** The caller has sent everything. */
  ended: boolean;
  #trailers: HeaderList | undefined = undefined;
  #pieces: Uint8Array[] | undefined = undefined;
  /** More was passed on than is kept. */
  #isIncomplete = false;

  constructor(ended: boolean) {
    this.ended = ended;
  }

  /** True when all of the request so far can be sent. */
  get isWhole(): boolean {
    return !this.#isIncomplete;
  }

  /** True for a request that is headers alone. */
  get isBare(): boolean {
    return this.ended && this.#pieces === undefined && this.#trailers === undefined;
  }

  /** Keeps a piece while it is the only one, as of most calls, or nobody is there to send it to. */
  add(piece: Uint8Array, isPassedOn: boolean): void {
    if (piece.length === 0 || this.#isIncomplete) return;
    if (this.#pieces === undefined) this.#pieces = [piece];
    else if (isPassedOn) this.drop();
    else this.#pieces.push(piece);
  }

  end(trailers: HeaderList): void {
    this.ended = true;
    this.#trailers = trailers;
  }

  /** Sends all there is; false when the stream should be sent no more for now. */
  sendOn(stream: HttpStream): boolean {
    const pieces = this.#pieces;
    const trailers = this.#trailers;
    let more = true;
    if (pieces !== undefined) {
      const last = this.ended && trailers === undefined ? pieces.length - 1 : -1;
      for (let index = 0; index < pieces.length; index++) {
        more = stream.sendData(pieces[index] as Uint8Array, index === last);
      }
    }
    if (trailers !== undefined) stream.sendTrailers(trailers, undefined);
    // Nothing is said of the room after the end.
    return more || this.ended;
  }

  /** It will not be sent again. */
  drop(): void {
    this.#pieces = undefined;
    this.#isIncomplete = true;
  }
}
