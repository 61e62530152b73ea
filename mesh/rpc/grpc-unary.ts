import type { DescMessage, Message, MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { GrpcExchange } from "./grpc-exchange.ts";

type Reply = MessageInitShape<DescMessage>;

/** One message in, one message out. */
export class GrpcUnary extends GrpcExchange {
  #request: Uint8Array | undefined = undefined;

  protected onRequest(bytes: Uint8Array): void {
    if (this.#request === undefined) this.#request = bytes;
    else this.refuse(extraMessage("unary"));
  }

  protected onRequestsFailed(error: ConnectError): void {
    this.refuse(error);
  }

  protected onRequestsEnd(): void {
    const bytes = this.#request;
    if (bytes === undefined) {
      this.refuse(missingMessage("unary"));
      return;
    }
    let message: Message;
    try {
      message = this.decode(bytes);
    } catch (error) {
      this.refuse(ConnectError.from(error));
      return;
    }
    try {
      const reply = this.grpc.compiled.runOne(message, this.call);
      if (isPromise(reply)) reply.then(this.#onReply, this.#onError);
      else this.#onReply(reply);
    } catch (error) {
      this.failWith(error);
    }
  }

  protected onDone(): void {}

  readonly #onError = (error: unknown): void => this.failWith(error);

  readonly #onReply = (reply: Reply): void => {
    if (this.done) return;
    let bytes: Uint8Array;
    try {
      bytes = this.encode(reply);
    } catch (error) {
      this.failUnsent(error);
      return;
    }
    if (!this.compresses(bytes)) {
      this.sendMessage(bytes, false);
      this.succeed();
    } else {
      this.sendCompressed(bytes).then(
        () => this.succeed(),
        (error) => this.failUnsent(error),
      );
    }
  };
}

const isPromise = (value: unknown): value is Promise<Reply> =>
  typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";

/** In Connect's words, which `describeDecodeError` turns into ours. */
export const missingMessage = (kind: string): ConnectError =>
  new ConnectError(`protocol error: missing input message for ${kind} method`, Code.Unimplemented);
export const extraMessage = (kind: string): ConnectError =>
  new ConnectError(`protocol error: received extra input message for ${kind} method`, Code.Unimplemented);
