import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import {
  type CallOptions,
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  type ClientOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type MethodDefinition,
  type ServiceDefinition,
  type ServiceError,
} from "@grpc/grpc-js";
import { StatusSchema } from "@heddle/contracts/google/rpc";

/** What a call takes besides its request: grpc-js's own options, such as `deadline`, and metadata. */
export interface GrpcJsCallOptions extends CallOptions {
  readonly metadata?: Metadata;
}

/** What grpc-js calls with the reply of a call, or with why there is none. */
export type GrpcJsCallback<O extends DescMessage> = (error: ServiceError | null, reply?: MessageShape<O>) => void;

/** A unary call: awaited without a callback, or with a callback and grpc-js's own call object to cancel it by. */
export interface GrpcJsUnary<I extends DescMessage, O extends DescMessage> {
  (request: MessageInitShape<I>, options?: GrpcJsCallOptions): Promise<MessageShape<O>>;
  (request: MessageInitShape<I>, callback: GrpcJsCallback<O>): ClientUnaryCall;
  (request: MessageInitShape<I>, options: GrpcJsCallOptions, callback: GrpcJsCallback<O>): ClientUnaryCall;
}

/** One method of a client. The streams are grpc-js's own; those that can be read are async iterables. */
export type GrpcJsMethod<M extends DescMethod> = M["methodKind"] extends "unary"
  ? GrpcJsUnary<M["input"], M["output"]>
  : M["methodKind"] extends "server_streaming"
    ? (
        request: MessageInitShape<M["input"]>,
        options?: GrpcJsCallOptions,
      ) => ClientReadableStream<MessageShape<M["output"]>>
    : M["methodKind"] extends "client_streaming"
      ? (
          options: GrpcJsCallOptions,
          callback: GrpcJsCallback<M["output"]>,
        ) => ClientWritableStream<MessageInitShape<M["input"]>>
      : (options?: GrpcJsCallOptions) => ClientDuplexStream<MessageInitShape<M["input"]>, MessageShape<M["output"]>>;

/** A client of a service: its methods by their TypeScript names, and `close`, which gives the channel up. */
export type GrpcJsClient<S extends DescService> = {
  readonly [K in keyof S["method"]]: GrpcJsMethod<S["method"][K]>;
} & { close(): void };

/** What a grpc-js server needs to serve a service: one handler for each method. */
export type GrpcJsHandlers<S extends DescService> = {
  [K in keyof S["method"]]: GrpcJsHandler<
    S["method"][K]["methodKind"],
    S["method"][K]["input"],
    S["method"][K]["output"]
  >;
};

type GrpcJsHandler<Kind, I extends DescMessage, O extends DescMessage> = Kind extends "unary"
  ? handleUnaryCall<MessageShape<I>, MessageInitShape<O>>
  : Kind extends "server_streaming"
    ? handleServerStreamingCall<MessageShape<I>, MessageInitShape<O>>
    : Kind extends "client_streaming"
      ? handleClientStreamingCall<MessageShape<I>, MessageInitShape<O>>
      : handleBidiStreamingCall<MessageShape<I>, MessageInitShape<O>>;

/**
 * Makes grpc-js's definition of a service from its descriptor, for `server.addService(definition, handlers)` and for
 * grpc-js's own client constructors.
 */
export function serviceDefinition<S extends DescService>(service: S): ServiceDefinition<GrpcJsHandlers<S>> {
  return Object.fromEntries(
    service.methods.map((method) => [method.localName, methodDefinition(method)]),
  ) as ServiceDefinition<GrpcJsHandlers<S>>;
}

/**
 * Makes a typed grpc-js client of a service.
 *
 * `address` is a grpc-js target such as `localhost:8080`. A call that fails throws, or calls back with, grpc-js's
 * ServiceError; `errorDetails` reads the details of it.
 *
 * @example
 * const orders = createGrpcJsClient(OrderService, "localhost:8080", credentials.createInsecure());
 * const { order } = await orders.getOrder({ orderId });
 */
export function createGrpcJsClient<S extends DescService>(
  service: S,
  address: string,
  credentials: ChannelCredentials,
  options?: ClientOptions,
): GrpcJsClient<S> {
  const client = new Client(address, credentials, options);
  const methods = service.methods.map((method) => [method.localName, clientMethod(client, method)]);
  return { ...Object.fromEntries(methods), close: () => client.close() } as GrpcJsClient<S>;
}

/**
 * Returns the details of one type that a failed call carries, such as those of `ErrorInfoSchema` or `BadRequestSchema` of
 * `@heddle/contracts/google/rpc`. Empty when there are none, or when the error did not come from a call.
 */
export function errorDetails<D extends DescMessage>(error: unknown, schema: D): MessageShape<D>[] {
  const metadata = (error as Partial<ServiceError> | null)?.metadata;
  const [bytes] = metadata instanceof Metadata ? metadata.get("grpc-status-details-bin") : [];
  if (!(bytes instanceof Uint8Array)) return [];
  return fromBinary(StatusSchema, bytes)
    .details.map((detail) => anyUnpack(detail, schema))
    .filter((detail) => detail !== undefined);
}

type AnyDefinition = MethodDefinition<MessageInitShape<DescMessage>, MessageInitShape<DescMessage>>;

function methodDefinition(method: DescMethod): AnyDefinition {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
    responseStream: method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming",
    originalName: method.localName,
    ...codec("request", method.input),
    ...codec("response", method.output),
  } as AnyDefinition;
}

function codec(side: "request" | "response", schema: DescMessage): Record<string, unknown> {
  return {
    [`${side}Serialize`]: (message: MessageInitShape<DescMessage>) => {
      const bytes = toBinary(schema, create(schema, message));
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
    [`${side}Deserialize`]: (bytes: Uint8Array) => fromBinary(schema, bytes),
  };
}

function clientMethod(client: Client, method: DescMethod): unknown {
  const { path, requestSerialize: write, responseDeserialize: read } = methodDefinition(method);
  const call = (options: GrpcJsCallOptions | undefined) =>
    [options?.metadata ?? new Metadata(), options ?? {}] as const;
  switch (method.methodKind) {
    case "unary":
      return (request: unknown, ...rest: unknown[]) => {
        const callback = rest.find((argument) => typeof argument === "function") as GrpcJsCallback<DescMessage>;
        const options = rest.find((argument) => typeof argument === "object") as GrpcJsCallOptions | undefined;
        if (callback !== undefined) {
          return client.makeUnaryRequest(path, write, read, request as never, ...call(options), callback as never);
        }
        return new Promise((resolve, reject) => {
          client.makeUnaryRequest(path, write, read, request as never, ...call(options), (error, reply) =>
            error === null ? resolve(reply) : reject(error),
          );
        });
      };
    case "server_streaming":
      return (request: unknown, options?: GrpcJsCallOptions) =>
        client.makeServerStreamRequest(path, write, read, request as never, ...call(options));
    case "client_streaming":
      return (options: GrpcJsCallOptions, callback: GrpcJsCallback<DescMessage>) =>
        client.makeClientStreamRequest(path, write, read, ...call(options), callback as never);
    case "bidi_streaming":
      return (options?: GrpcJsCallOptions) => client.makeBidiStreamRequest(path, write, read, ...call(options));
  }
}
