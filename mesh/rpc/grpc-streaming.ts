import type { DescMessage, Message, MessageInitShape } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { runInCall } from "./call.ts";
import { GrpcExchange } from "./grpc-exchange.ts";
import { extraMessage, missingMessage } from "./grpc-unary.ts";
import { RequestMessages } from "./request-messages.ts";

type Reply = MessageInitShape<DescMessage>;

/** A call in which at least one side streams. */
export class GrpcStreaming extends GrpcExchange {
  #requests: RequestMessages | undefined = undefined;
  /** Of a method that takes one message. */
  #request: Uint8Array | undefined = undefined;
  #replies: AsyncIterator<Reply> | undefined = undefined;
  #waits = false;

  protected override begin(): void {
    if (!this.grpc.compiled.streamsRequests) return;
    this.#requests = new RequestMessages({
      decode: (bytes) => this.decode(bytes),
      consume: (bytes) => this.stream.consume(bytes),
    });
    this.#run(this.#requests);
  }

  protected override onReceived(bytes: number): void {
    if (this.#requests === undefined) super.onReceived(bytes);
    else this.#requests.received(bytes);
  }

  protected onRequest(bytes: Uint8Array, wireBytes: number): void {
    if (this.#requests !== undefined) this.#requests.push(bytes, wireBytes);
    else if (this.#request === undefined) this.#request = bytes;
    else this.refuse(extraMessage("server-streaming"));
  }

  protected onRequestsEnd(): void {
    if (this.#requests !== undefined) {
      this.#requests.end();
      return;
    }
    if (this.#request === undefined) {
      this.refuse(missingMessage("server-streaming"));
      return;
    }
    let message: Message;
    try {
      message = this.decode(this.#request);
    } catch (error) {
      this.refuse(ConnectError.from(error));
      return;
    }
    this.#run(message);
  }

  protected onRequestsFailed(error: ConnectError): void {
    // A stream's handler learns of it where it reads, and may still answer in its own way.
    if (this.#requests !== undefined) this.#requests.fail(error);
    else this.refuse(error);
  }

  protected onDone(reason: unknown): void {
    this.#requests?.close(reason);
    const replies = this.#replies;
    if (replies === undefined) return;
    this.#replies = undefined;
    // Within its call, so that a handler's cleanup has its trace; a handler may have come to its end already.
    void runInCall(this.call, () => replies.return?.())?.catch(() => undefined);
  }

  override onDrain(): void {
    if (!this.#waits) return;
    this.#waits = false;
    this.#pull();
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
      this.failWith(error);
    }
  }

  #pull(): void {
    const replies = this.#replies;
    if (replies === undefined) return;
    runInCall(this.call, () => replies.next()).then(this.#onNext, this.#onError);
  }

  readonly #onError = (error: unknown): void => {
    // It has ended by itself.
    this.#replies = undefined;
    this.failWith(error);
  };

  readonly #onNext = (next: IteratorResult<Reply>): void => {
    if (this.done) return;
    if (next.done === true) {
      this.#replies = undefined;
      this.succeed();
      return;
    }
    this.#send(next.value, () => this.#pull());
  };

  readonly #onReply = (reply: Reply): void => {
    if (!this.done) this.#send(reply, () => this.succeed(), true);
  };

  /** Sends one reply, then goes on by `next`: at once for the `last`, else when the peer keeps up. */
  #send(reply: Reply, next: () => void, last = false): void {
    let bytes: Uint8Array;
    try {
      bytes = this.encode(reply);
    } catch (error) {
      this.failUnsent(error);
      return;
    }
    const goOn = (keepsUp: boolean) => {
      if (this.done) return;
      if (keepsUp || last) next();
      else this.#waits = true;
    };
    if (this.compresses(bytes)) this.sendCompressed(bytes).then(goOn, (error) => this.failUnsent(error));
    else goOn(this.sendMessage(bytes, false));
  }
}
