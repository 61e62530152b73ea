import type { DescMethod, DescMethodStreaming, DescMethodUnary, Message, Registry } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  createConnectRouter,
  createContextKey,
  createContextValues,
  type HandlerContext,
  type MethodImpl,
  type Transport,
} from "@connectrpc/connect";
import { createAsyncIterable } from "@connectrpc/connect/protocol";
import { compressionGzip } from "@connectrpc/connect-node";
import { commonReasons } from "../contract/common-reasons.ts";
import { describeDecodeError } from "../contract/complete-malformed.ts";
import { fail } from "../contract/fail.ts";
import { passOn, toRpcError } from "../contract/map-error.ts";
import { methodName } from "../contract/method-name.ts";
import type { Logger } from "../observe/index.ts";
import type { Ids, Timers } from "../runtime/index.ts";
import type { HeaderList, HttpStream } from "../wire/index.ts";
import { answerKey } from "./answer.ts";
import { sectionsOf } from "./client/response-head.ts";
import { completeErrors } from "./complete-errors.ts";
import { DEFAULT_RPC_LIMITS } from "./limits.ts";
import { metadataFields } from "./metadata.ts";
import { peerKey } from "./peer.ts";
import { serveUniversal } from "./serve-universal.ts";
import { speakWebText } from "./web-text.ts";

/** A method in gRPC-Web, Connect and JSON, carried out elsewhere. */
export interface TranslatedMethod {
  /** Answers one exchange by a call over `backend`, which forwards the request's metadata. */
  answer(stream: HttpStream, headers: HeaderList, end: boolean, backend: Transport): void;
}

export interface TranslateOptions {
  readonly timers: Timers;
  readonly ids: Ids;
  readonly log: Logger;
  /** Message types that JSON may name in a google.protobuf.Any, and error details that it shows in words. */
  readonly registry: Registry | undefined;
}

/**
 * Compiles a method, of which no more than the descriptor need be known, to be called in the protocols that its backend does not
 * speak. Messages, metadata, errors with their details, deadline and cancellation pass as in a call to a server of ours; streams
 * go on no faster than they are taken.
 */
export const translateMethod = (method: DescMethod, options: TranslateOptions): TranslatedMethod => {
  const { timers, log, registry } = options;
  const { messageBytesMax } = DEFAULT_RPC_LIMITS;
  const isOneRequest = method.methodKind === "unary" || method.methodKind === "server_streaming";
  const requestTimeoutMs = isOneRequest ? DEFAULT_RPC_LIMITS.requestTimeoutMs : undefined;
  const router = createConnectRouter({
    acceptCompression: [compressionGzip],
    readMaxBytes: messageBytesMax,
    writeMaxBytes: messageBytesMax,
    // A misspelt field must not be dropped in silence.
    jsonOptions: { ignoreUnknownFields: false, ...(registry === undefined ? {} : { registry }) },
  });
  const many = method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming";
  const carryOut = many ? callForMany(method, options) : callForOne(method, options);
  router.rpc(method, carryOut as unknown as MethodImpl<DescMethod>);
  const [handler] = router.handlers;
  if (handler === undefined) throw new TypeError(`${method.name} has no handler`);
  const complete = speakWebText(completeErrors(handler, () => undefined));
  return {
    answer(stream, headers, end, backend) {
      const values = createContextValues().set(peerKey, stream.peer).set(backendKey, backend);
      const onError = (error: unknown) => log.debug({ err: error, path: handler.requestPath }, "reply not delivered");
      void serveUniversal(complete, stream, headers, end, { timers, values, requestTimeoutMs, onError });
    },
  };
};

const backendKey = createContextKey<Transport | undefined>(undefined, { description: "where the call is carried out" });

type Requests = AsyncIterable<Message>;

const callForOne =
  (method: DescMethod, options: TranslateOptions) =>
  async (request: Message | Requests, context: HandlerContext): Promise<Message> => {
    const call = new Call(method, context, options);
    try {
      if (method.methodKind !== "unary") return await onlyOne(await call.stream(request as Requests));
      const { message, header, trailer } = await call.unary(request as Message);
      copyMetadata(header, context.responseHeader);
      copyMetadata(trailer, context.responseTrailer);
      return message;
    } catch (error) {
      throw call.failed(error);
    }
  };

const callForMany = (method: DescMethod, options: TranslateOptions) =>
  async function* (request: Message | Requests, context: HandlerContext) {
    const call = new Call(method, context, options);
    try {
      const isOne = method.methodKind === "server_streaming";
      yield* await call.stream(isOne ? createAsyncIterable([request as Message]) : (request as Requests));
    } catch (error) {
      throw call.failed(error);
    }
  };

/** One call, from where its request was read to where its reply can be written. */
class Call {
  readonly #method: DescMethod;
  readonly #context: HandlerContext;
  readonly #registry: Registry | undefined;
  readonly #backend: Transport;
  /** The answer is an error. */
  #isFailed = false;
  /** The headers of the answer are known. */
  #hasHeader = false;

  constructor(method: DescMethod, context: HandlerContext, { ids, log, registry }: TranslateOptions) {
    const backend = context.values.get(backendKey);
    if (backend === undefined) throw new TypeError(`${method.name} has no backend`);
    this.#method = method;
    this.#context = context;
    this.#registry = registry;
    this.#backend = backend;
    const answer = context.values.get(answerKey);
    if (answer === undefined) return;
    answer.unsent = (cause) => {
      // An instance's error may have no details, and is complete for all that.
      if (this.#isFailed) return undefined;
      const { error, id } = toRpcError(cause, { ids, domain: method.parent.file.proto.package });
      log.warn({ err: cause, errorId: id, method: methodName(method) }, "reply cannot be sent");
      return error;
    };
  }

  unary(request: Message) {
    return this.#backend.unary(
      this.#method as DescMethodUnary,
      this.#context.signal,
      this.#leftMs(),
      undefined,
      request,
    );
  }

  async stream(requests: Requests): Promise<AsyncIterable<Message>> {
    const { responseHeader, responseTrailer, signal } = this.#context;
    const method = this.#method as DescMethodStreaming;
    const response = await this.#backend.stream(
      method,
      signal,
      this.#leftMs(),
      undefined,
      described(requests, this.#method),
    );
    copyMetadata(response.header, responseHeader);
    this.#hasHeader = true;
    return (async function* () {
      yield* response.message;
      copyMetadata(response.trailer, responseTrailer);
    })();
  }

  failed(thrown: unknown): ConnectError {
    const error = ConnectError.from(thrown, Code.Internal);
    this.#isFailed = true;
    if (!error.isWireError) return error;
    const { responseHeader, responseTrailer } = this.#context;
    const { header, trailer } = sectionsOf(error) ?? { header: new Headers(), trailer: error.metadata };
    if (!this.#hasHeader) copyMetadata(header, responseHeader);
    copyMetadata(trailer, responseTrailer);
    return passOn(error, this.#registry);
  }

  #leftMs(): number | undefined {
    const leftMs = this.#context.timeoutMs();
    if (leftMs !== undefined && leftMs <= 0)
      throw fail(commonReasons(this.#method.parent.file.proto.package).DEADLINE_EXCEEDED, {});
    return leftMs;
  }
}

/** A request that is no message is the caller's fault, wherever it is noticed. */
async function* described(requests: Requests, method: DescMethod) {
  try {
    yield* requests;
  } catch (error) {
    throw error instanceof ConnectError ? describeDecodeError(error, method) : error;
  }
}

const onlyOne = async (replies: AsyncIterable<Message>): Promise<Message> => {
  let only: Message | undefined;
  for await (const reply of replies) {
    if (only !== undefined) throw new ConnectError("protocol error: received extra output message", Code.Unimplemented);
    only = reply;
  }
  if (only === undefined) throw new ConnectError("protocol error: missing output message", Code.Unimplemented);
  return only;
};

const copyMetadata = (from: Headers, to: Headers): void => {
  const fields = metadataFields(from);
  for (let index = 0; index < fields.length; index += 2)
    to.append(fields[index] as string, fields[index + 1] as string);
};
