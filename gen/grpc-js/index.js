import { create, fromBinary, toBinary, } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Client, Metadata, } from "@grpc/grpc-js";
import { StatusSchema } from "@heddle/contracts/google/rpc";
/**
 * Makes grpc-js's definition of a service from its descriptor, for `server.addService(definition, handlers)` and for
 * grpc-js's own client constructors.
 */
export function serviceDefinition(service) {
    return Object.fromEntries(service.methods.map((method) => [method.localName, methodDefinition(method)]));
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
export function createGrpcJsClient(service, address, credentials, options) {
    const client = new Client(address, credentials, options);
    const methods = service.methods.map((method) => [method.localName, clientMethod(client, method)]);
    return { ...Object.fromEntries(methods), close: () => client.close() };
}
/**
 * Returns the details of one type that a failed call carries, such as those of `ErrorInfoSchema` or `BadRequestSchema` of
 * `@heddle/contracts/google/rpc`. Empty when there are none, or when the error did not come from a call.
 */
export function errorDetails(error, schema) {
    const metadata = error?.metadata;
    const [bytes] = metadata instanceof Metadata ? metadata.get("grpc-status-details-bin") : [];
    if (!(bytes instanceof Uint8Array))
        return [];
    return fromBinary(StatusSchema, bytes)
        .details.map((detail) => anyUnpack(detail, schema))
        .filter((detail) => detail !== undefined);
}
function methodDefinition(method) {
    return {
        path: `/${method.parent.typeName}/${method.name}`,
        requestStream: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
        responseStream: method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming",
        originalName: method.localName,
        ...codec("request", method.input),
        ...codec("response", method.output),
    };
}
function codec(side, schema) {
    return {
        [`${side}Serialize`]: (message) => {
            const bytes = toBinary(schema, create(schema, message));
            return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        },
        [`${side}Deserialize`]: (bytes) => fromBinary(schema, bytes),
    };
}
function clientMethod(client, method) {
    const { path, requestSerialize: write, responseDeserialize: read } = methodDefinition(method);
    const call = (options) => [options?.metadata ?? new Metadata(), options ?? {}];
    switch (method.methodKind) {
        case "unary":
            return (request, ...rest) => {
                const callback = rest.find((argument) => typeof argument === "function");
                const options = rest.find((argument) => typeof argument === "object");
                if (callback !== undefined) {
                    return client.makeUnaryRequest(path, write, read, request, ...call(options), callback);
                }
                return new Promise((resolve, reject) => {
                    client.makeUnaryRequest(path, write, read, request, ...call(options), (error, reply) => error === null ? resolve(reply) : reject(error));
                });
            };
        case "server_streaming":
            return (request, options) => client.makeServerStreamRequest(path, write, read, request, ...call(options));
        case "client_streaming":
            return (options, callback) => client.makeClientStreamRequest(path, write, read, ...call(options), callback);
        case "bidi_streaming":
            return (options) => client.makeBidiStreamRequest(path, write, read, ...call(options));
    }
}
