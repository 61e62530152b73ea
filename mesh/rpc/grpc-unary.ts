import type { DescMessage, Message, MessageInitShape } from "@bufbuild/protobuf";
import { GrpcExchange } from "./grpc-exchange.ts";

type Reply = MessageInitShape<DescMessage>;

/** One message in, one message out. */
export class GrpcUnary extends GrpcExchange {
  protected onRequestsEnd(): void {
    this.runKept(this.#run);
  }

  protected onDone(): void {}

  readonly #run = (message: Message): void => {
    try {
      const reply = this.grpc.compiled.runOne(message, this.call);
      if (isPromise(reply)) reply.then(this.#onReply, this.#onError);
      else this.#onReply(reply);
    } catch (error) {
      this.failWith(error);
    }
  };

  readonly #onError = (error: unknown): void => this.failWith(error);

  readonly #onReply = (reply: Reply): void => {
    if (this.done) return;
    try {
      const enveloped = this.encode(reply);
      if (this.compresses(enveloped)) {
        this.sendCompressed(enveloped).then(
          () => this.succeed(),
          (error) => this.failUnsent(error),
        );
      } else {
        this.sendMessage(enveloped);
        this.succeed();
      }
    } catch (error) {
      this.failUnsent(error);
    }
  };
}

const isPromise = (value: unknown): value is Promise<Reply> =>
  typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
