import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import type { Timer } from "../runtime/index.ts";
import { runInCall } from "./call.ts";
import { GrpcExchange } from "./grpc-exchange.ts";
import { RequestMessages } from "./request-messages.ts";

type Reply = MessageInitShape<DescMessage>;

/** A call in which at least one side streams. */
export class GrpcStreaming extends GrpcExchange {
  #requests: RequestMessages | undefined = undefined;
  #replies: AsyncIterator<Reply> | undefined = undefined;
  #waits = false;
  /** Until the one request of a call without a deadline has come. */
  #late: Timer | undefined = undefined;

  protected override begin(): void {
    if (!this.grpc.compiled.streamsRequests) {
      this.#boundRequest();
      return;
    }
    this.#requests = new RequestMessages({
      messageBytesMax: this.grpc.compiled.deps.limits.messageBytesMax,
      read: (message) => this.read(message),
      consume: (bytes) => this.stream.consume(bytes),
    });
    this.#run(this.#requests);
  }

  override onData(chunk: Uint8Array, end: boolean): void {
    if (this.#requests === undefined) {
      super.onData(chunk, end);
      return;
    }
    // After the end as well: it gives the credit back.
    this.#requests.push(chunk);
    if (end) this.requestEnd();
  }

  protected onRequestsEnd(): void {
    this.#late?.cancel();
    if (this.#requests === undefined) this.runKept((message) => this.#run(message));
    else this.#requests.end();
  }

  protected onDone(reason: unknown): void {
    this.#late?.cancel();
    this.#requests?.close(reason);
    const replies = this.#replies;
    this.#replies = undefined;
    if (replies !== undefined) void this.#finish(replies);
  }

  override onDrain(): void {
    if (!this.#waits) return;
    this.#waits = false;
    this.#pull();
  }

  /** A stream of replies may go on for ever, but what it is asked for may not. */
  #boundRequest(): void {
    const { compiled } = this.grpc;
    if (this.call.deadlineMs !== undefined) return;
    const { limits, runtime } = compiled.deps;
    this.#late = runtime.timers.after(limits.requestTimeoutMs, () => this.failWith(compiled.late()));
  }

  /** Lets a handler clean up, within its call. How that ends is of no interest to a call that has ended. */
  async #finish(replies: AsyncIterator<Reply>): Promise<void> {
    try {
      await runInCall(this.call, () => replies.return?.());
    } catch {}
  }

  #run(request: unknown): void {
    const { compiled } = this.grpc;
    try {
      if (compiled.streamsReplies) {
        this.#replies = compiled.runMany(request, this.call);
        this.#pull();
      } else {
        Promise.resolve(compiled.runOne(request, this.call)).then(this.#onReply, this.#onError);
      }
    } catch (error) {
      this.#onError(error);
    }
  }

  #pull(): void {
    const replies = this.#replies;
    if (replies === undefined) return;
    try {
      const next = runInCall(this.call, () => replies.next());
      // An iterator made by hand may give its result without a promise.
      (next instanceof Promise ? next : Promise.resolve(next)).then(this.#onNext, this.#onError);
    } catch (error) {
      this.#onError(error);
    }
  }

  readonly #onError = (error: unknown): void => {
    // It has ended by itself.
    this.#replies = undefined;
    this.failWith(error);
  };

  readonly #onNext = (next: IteratorResult<Reply> | undefined): void => {
    if (this.done) return;
    if (next === undefined) {
      this.#onError(new TypeError("the handler's iterator gave no result"));
    } else if (next.done === true) {
      this.#replies = undefined;
      this.succeed();
    } else {
      this.#send(next.value, false);
    }
  };

  readonly #onReply = (reply: Reply): void => {
    if (!this.done) this.#send(reply, true);
  };

  /** Sends one reply, then goes on: to the end after the `last`, else when the peer keeps up. */
  #send(reply: Reply, last: boolean): void {
    try {
      const enveloped = this.encode(reply);
      if (this.compresses(enveloped)) {
        this.sendCompressed(enveloped).then(
          (keepsUp) => this.#goOn(keepsUp, last),
          (error) => this.failUnsent(error),
        );
      } else {
        this.#goOn(this.sendMessage(enveloped), last);
      }
    } catch (error) {
      this.failUnsent(error);
    }
  }

  #goOn(keepsUp: boolean, last: boolean): void {
    if (this.done) return;
    if (last) this.succeed();
    else if (keepsUp) this.#pull();
    else this.#waits = true;
  }
}
