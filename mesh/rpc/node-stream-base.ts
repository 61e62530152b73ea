import type { Readable } from "node:stream";
import { IGNORE, type StreamHandler } from "../wire/index.ts";

/** Bytes that may come before the application has consumed any; Node's own buffers hold as much again. */
const UNREAD_BYTES_MAX = 64 * 1024;

/** What the streams of `node:http` and of `node:http2` have in common: a body that comes no faster than it is consumed. */
export abstract class NodeStreamBase {
  handler: StreamHandler = IGNORE;
  readonly peer: string;
  /** Nothing is told any more, and nothing sent. */
  protected over = false;
  readonly #body: Readable;
  #unread = 0;

  constructor(body: Readable, peer: string) {
    this.#body = body;
    this.peer = peer;
  }

  consume(bytes: number): void {
    this.#unread -= bytes;
    if (this.#unread <= UNREAD_BYTES_MAX && this.#body.isPaused()) this.#body.resume();
  }

  /** Hands the body out from now on. */
  protected read(): void {
    this.#body.on("data", (chunk: Buffer) => this.#onData(chunk));
  }

  /** Tells that the body has ended, without trailers. */
  protected tellEnd(): void {
    this.handler.onData(EMPTY, true);
  }

  #onData(chunk: Buffer): void {
    if (this.over) return;
    this.#unread += chunk.length;
    this.handler.onData(chunk, false);
    if (this.#unread > UNREAD_BYTES_MAX && !this.over) this.#body.pause();
  }
}

const EMPTY = new Uint8Array(0);
