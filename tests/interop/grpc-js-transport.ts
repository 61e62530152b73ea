import { create, type DescMethod, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { ConnectError, type StreamResponse, type Transport, type UnaryResponse } from "@connectrpc/connect";
import { createWritableIterable } from "@connectrpc/connect/protocol";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import * as grpc from "@grpc/grpc-js";
import { systemClock } from "../../mesh/runtime/index.ts";
import { fromMetadata, toMetadata } from "./grpc-js-metadata.ts";

/** grpc-js as a Connect transport, so that the same scenarios run over it. */
export const grpcJsTransport = ({
  address,
  gzip = false,
  channelOptions = {},
}: {
  address: string;
  gzip?: boolean;
  channelOptions?: grpc.ChannelOptions;
}): Transport => {
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
    "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
    "grpc.max_send_message_length": MESSAGE_BYTES_MAX,
    ...channelOptions,
    ...(gzip ? { "grpc.default_compression_algorithm": grpc.compressionAlgorithms.gzip } : {}),
  });
  /** Every call as one with two streams: on the wire there is no other kind. */
  const open = (method: DescMethod, timeoutMs: number | undefined, header: Headers) => {
    const metadata = toMetadata(header);
    metadata.setOptions({ waitForReady: true });
    return client.makeBidiStreamRequest(
      `/${method.parent.typeName}/${method.name}`,
      (message: Message) => Buffer.from(toBinary(method.input, message)),
      (bytes: Buffer) => fromBinary(method.output, bytes),
      metadata,
      timeoutMs === undefined ? {} : { deadline: systemClock.nowMs() + timeoutMs },
    );
  };
  const stream = async (
    method: DescMethod,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: ConstructorParameters<typeof Headers>[0],
    input: AsyncIterable<object>,
  ): Promise<StreamResponse> => {
    const call = open(method, timeoutMs, new Headers(header));
    signal?.addEventListener("abort", () => call.cancel(), { once: true });
    const headers = Promise.withResolvers<Headers>();
    const trailer = new Headers();
    const replies = createWritableIterable<Message>();
    let failed: ConnectError | undefined;
    call.on("metadata", (received: grpc.Metadata) => headers.resolve(fromMetadata(received)));
    call.on("data", (reply: Message) => void replies.write(reply).catch(() => undefined));
    // The status, which comes as well, says the same.
    call.on("error", () => undefined);
    call.on("status", (status: grpc.StatusObject) => {
      headers.resolve(new Headers());
      for (const [name, value] of fromMetadata(status.metadata)) trailer.append(name, value);
      failed = errorOf(status, trailer);
      replies.close();
    });
    void (async () => {
      for await (const message of input) call.write(create(method.input, message as never));
      call.end();
    })();
    const message = (async function* () {
      yield* replies;
      if (failed !== undefined) throw failed;
    })();
    return { stream: true, service: method.parent, method, header: await headers.promise, message, trailer } as never;
  };
  const unary = async (
    method: DescMethod,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: ConstructorParameters<typeof Headers>[0],
    input: object,
  ): Promise<UnaryResponse> => {
    const one = (async function* () {
      yield input;
    })();
    const response = await stream(method, signal, timeoutMs, header, one);
    let reply: unknown;
    for await (const message of response.message) reply = message;
    if (reply === undefined) throw new ConnectError("there was no reply");
    return { ...response, stream: false, message: reply } as never;
  };
  return { unary, stream } as unknown as Transport;
};

const MESSAGE_BYTES_MAX = 16 << 20;

/** The error of a status with what belongs to it in the trailers. */
const errorOf = ({ code, details }: grpc.StatusObject, trailer: Headers): ConnectError | undefined => {
  if (code === grpc.status.OK) return undefined;
  const status = new Headers(trailer);
  status.set("grpc-status", String(code));
  status.set("grpc-message", encodeURIComponent(details));
  const error = findTrailerError(status) ?? new ConnectError(details, code as number);
  const complete = new ConnectError(error.rawMessage, error.code, trailer);
  complete.details = error.details;
  return complete;
};
