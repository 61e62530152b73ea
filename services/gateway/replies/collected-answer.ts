import { DEFAULT_RPC_LIMITS } from "@heddle/mesh/rpc";
import { ErrorCode, HeaderList, type HttpStream, IGNORE, type StreamHandler } from "@heddle/mesh/wire";

/** A whole answer to a unary call by gRPC, as the instance or the gateway gave it. */
export interface Answer {
  readonly headers: HeaderList;
  /** With gRPC's prefix; empty where the headers are all there is. */
  readonly body: Uint8Array;
  /** Undefined where the headers or the body have ended the answer. */
  readonly trailers: HeaderList | undefined;
}

/** How a call has ended: with an answer, or by a reset with this code. */
export type Ending = Answer | number;

/** More than any answer with one message has. */
const BODY_BYTES_MAX = DEFAULT_RPC_LIMITS.messageBytesMax + 64;
const EMPTY = new Uint8Array(0);

/** The caller's end of a call that is made for several: keeps the answer until it is whole. */
export class CollectedAnswer implements HttpStream {
  handler: StreamHandler = IGNORE;
  readonly queuedBytes = 0;
  readonly peer: string;
  closed = false;
  readonly #told: (ending: Ending) => void;
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;
  #headers = new HeaderList([]);

  /** `peer`: who is said to ask. `told` hears the end once, unless the call is called off. */
  constructor(peer: string, told: (ending: Ending) => void) {
    this.peer = peer;
    this.#told = told;
  }

  sendHeaders(headers: HeaderList, extra: readonly string[] | undefined, end: boolean): void {
    this.#headers = extra === undefined ? headers : new HeaderList([...headers.fields, ...extra]);
    if (end) this.#endWith(undefined);
  }

  sendData(chunk: Uint8Array, end: boolean, prefix: Uint8Array = EMPTY): boolean {
    if (this.closed) return true;
    for (const piece of [prefix, chunk]) if (piece.length > 0) this.#chunks.push(piece);
    this.#bytes += prefix.length + chunk.length;
    if (this.#bytes > BODY_BYTES_MAX) {
      this.callOff();
      this.#told(ErrorCode.ENHANCE_YOUR_CALM);
    } else if (end) {
      this.#endWith(undefined);
    }
    return true;
  }

  sendTrailers(trailers: HeaderList, extra: readonly string[] | undefined): void {
    this.#endWith(extra === undefined ? trailers : new HeaderList([...trailers.fields, ...extra]));
  }

  consume(): void {}

  reset(code: number): void {
    if (this.closed) return;
    this.closed = true;
    this.#told(code);
  }

  /** Nobody waits for the answer any more. */
  callOff(): void {
    if (this.closed) return;
    this.closed = true;
    this.handler.onReset(ErrorCode.CANCEL, "peer");
  }

  #endWith(trailers: HeaderList | undefined): void {
    if (this.closed) return;
    this.closed = true;
    const [first = EMPTY, ...more] = this.#chunks;
    this.#told({ headers: this.#headers, body: more.length === 0 ? first : Buffer.concat(this.#chunks), trailers });
  }
}
