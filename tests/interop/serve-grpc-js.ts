import { once } from "node:events";
import { create, type DescMethod, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { ConnectError, type HandlerContext } from "@connectrpc/connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import * as grpc from "@grpc/grpc-js";
import { systemTimers } from "../../mesh/runtime/index.ts";
import { InteropService } from "./contract.ts";
import { fromMetadata, toMetadata } from "./grpc-js-metadata.ts";
import { interopHandlers } from "./handlers.ts";
import type { BareServer } from "./serve-bare.ts";

/** The same handlers behind grpc-js. */
export const serveGrpcJs = async (port = 0): Promise<BareServer> => {
  const server = new grpc.Server({
    "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
    "grpc.max_send_message_length": MESSAGE_BYTES_MAX,
  });
  const methods = InteropService.methods.filter(({ localName }) => localName in interopHandlers);
  server.addService(
    Object.fromEntries(methods.map((method) => [method.localName, definitionOf(method)])),
    Object.fromEntries(methods.map((method) => [method.localName, implementationOf(method)])),
  );
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error, taken) =>
      error === null ? resolve(taken) : reject(error),
    );
  });
  return {
    port: bound,
    async drain(timeoutMs) {
      const drained = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      await Promise.race([drained, systemTimers.sleep(timeoutMs)]);
      server.forceShutdown();
    },
  };
};

const MESSAGE_BYTES_MAX = 16 << 20;

type Call = grpc.ServerDuplexStream<Message, Message>;

/** Every method as one with two streams: on the wire there is no other kind. */
const definitionOf = (method: DescMethod): grpc.MethodDefinition<Message, Message> => ({
  path: `/${InteropService.typeName}/${method.name}`,
  requestStream: true,
  responseStream: true,
  requestSerialize: (message) => Buffer.from(toBinary(method.input, message)),
  requestDeserialize: (bytes) => fromBinary(method.input, bytes),
  responseSerialize: (message) => Buffer.from(toBinary(method.output, message)),
  responseDeserialize: (bytes) => fromBinary(method.output, bytes),
});

const implementationOf =
  (method: DescMethod) =>
  (call: Call): void => {
    const cancelled = new AbortController();
    call.on("cancelled", () => cancelled.abort());
    const context = {
      signal: cancelled.signal,
      requestHeader: fromMetadata(call.metadata),
      responseHeader: new Headers(),
      responseTrailer: new Headers(),
    };
    answer(method, call, context as unknown as HandlerContext).then(
      () => call.end(toMetadata(context.responseTrailer)),
      (thrown: unknown) => {
        const error = ConnectError.from(thrown);
        const metadata = toMetadata(context.responseTrailer);
        const details = setTrailerStatus(new Headers(), error).get("grpc-status-details-bin");
        if (details !== null) metadata.set("grpc-status-details-bin", Buffer.from(details, "base64"));
        call.emit("error", { code: error.code, details: error.rawMessage, metadata });
      },
    );
  };

const answer = async (method: DescMethod, call: Call, context: HandlerContext): Promise<void> => {
  const handler = interopHandlers[method.localName as keyof typeof interopHandlers] as unknown as (
    input: unknown,
    context: HandlerContext,
  ) => Promise<Message> | AsyncIterable<Message>;
  const takesMany = method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming";
  let input: unknown = call;
  if (!takesMany) for await (const request of call) input = request;
  const replies = handler(input, context);
  let begun = false;
  const send = async (reply: object) => {
    if (!begun) call.sendMetadata(toMetadata(context.responseHeader));
    begun = true;
    if (!call.write(create(method.output, reply as never))) await once(call, "drain", { signal: context.signal });
  };
  if (Symbol.asyncIterator in replies) for await (const reply of replies) await send(reply);
  else await send(await replies);
};
