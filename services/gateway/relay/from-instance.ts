import type { HeaderList, ResetCause, StreamHandler } from "@heddle/mesh/wire";

/** What an instance does in the course of a call. */
export interface InstanceSide {
  answerHeaders(headers: HeaderList, end: boolean): void;
  answerData(chunk: Uint8Array, end: boolean): void;
  answerTrailers(trailers: HeaderList): void;
  answerReset(code: number, cause: ResetCause): void;
  /** It has taken everything that it was sent. */
  takenByInstance(): void;
}

/** Tells a call what arrives on its stream to the instance. */
export class FromInstance implements StreamHandler {
  readonly #call: InstanceSide;

  constructor(call: InstanceSide) {
    this.#call = call;
  }

  onHeaders(headers: HeaderList, end: boolean): void {
    this.#call.answerHeaders(headers, end);
  }

  onData(chunk: Uint8Array, end: boolean): void {
    this.#call.answerData(chunk, end);
  }

  onTrailers(trailers: HeaderList): void {
    this.#call.answerTrailers(trailers);
  }

  onReset(code: number, cause: ResetCause): void {
    this.#call.answerReset(code, cause);
  }

  onDrain(): void {
    this.#call.takenByInstance();
  }
}
