import { execFileSync } from "node:child_process";
import type { DescMessage, Message, Registry } from "@bufbuild/protobuf";
import type { GenMessage, GenService } from "@bufbuild/protobuf/codegenv2";
import type { Any } from "@bufbuild/protobuf/wkt";
import { compileProtos, registryOf } from "../compile-protos.ts";

/** The version of the suite that its binary, its contract and these programs are of. */
export const CONFORMANCE_VERSION = "v1.0.6";

const PACKAGE = "connectrpc.conformance.v1";

type Named<N extends string, F> = Message<`${typeof PACKAGE}.${N}`> & F;

/** A header or trailer with all its values, in order. */
export type Header = Named<"Header", { name: string; value: string[] }>;
export type ConformanceError = Named<"Error", { code: number; message?: string; details: Any[] }>;
export type UnaryResponseDefinition = Named<
  "UnaryResponseDefinition",
  {
    responseHeaders: Header[];
    response:
      | { case: "responseData"; value: Uint8Array }
      | { case: "error"; value: ConformanceError }
      | { case: undefined; value?: undefined };
    responseTrailers: Header[];
    responseDelayMs: number;
  }
>;
export type StreamResponseDefinition = Named<
  "StreamResponseDefinition",
  {
    responseHeaders: Header[];
    responseData: Uint8Array[];
    responseDelayMs: number;
    error?: ConformanceError;
    responseTrailers: Header[];
  }
>;
export type RequestInfo = Named<
  "ConformancePayload.RequestInfo",
  {
    requestHeaders: Header[];
    timeoutMs?: bigint;
    requests: Any[];
    connectGetInfo?: Named<"ConformancePayload.ConnectGetInfo", { queryParams: Header[] }>;
  }
>;
export type ConformancePayload = Named<"ConformancePayload", { data: Uint8Array; requestInfo?: RequestInfo }>;

type Unary<N extends string> = Named<N, { responseDefinition?: UnaryResponseDefinition; requestData: Uint8Array }>;
type Reply<N extends string> = Named<N, { payload?: ConformancePayload }>;
export type UnaryRequest = Unary<"UnaryRequest" | "IdempotentUnaryRequest">;
export type ClientStreamRequest = Unary<"ClientStreamRequest">;
export type ServerStreamRequest = Named<"ServerStreamRequest", { responseDefinition?: StreamResponseDefinition }>;
export type BidiStreamRequest = Named<
  "BidiStreamRequest",
  { responseDefinition?: StreamResponseDefinition; fullDuplex: boolean }
>;

export type TlsCreds = Named<"TLSCreds", { cert: Uint8Array; key: Uint8Array }>;
export type ServerCompatRequest = Named<
  "ServerCompatRequest",
  {
    protocol: number;
    httpVersion: number;
    useTls: boolean;
    clientTlsCert: Uint8Array;
    messageReceiveLimit: number;
    serverCreds?: TlsCreds;
  }
>;
export type ServerCompatResponse = Named<"ServerCompatResponse", { host: string; port: number; pemCert: Uint8Array }>;
export type ClientCompatRequest = Named<
  "ClientCompatRequest",
  {
    testName: string;
    compression: number;
    host: string;
    port: number;
    serverTlsCert: Uint8Array;
    clientTlsCreds?: TlsCreds;
    messageReceiveLimit: number;
    method?: string;
    streamType: number;
    requestHeaders: Header[];
    requestMessages: Any[];
    timeoutMs?: number;
    requestDelayMs: number;
    cancel?: Named<
      "ClientCompatRequest.Cancel",
      {
        cancelTiming:
          | { case: "beforeCloseSend"; value: unknown }
          | { case: "afterCloseSendMs" | "afterNumResponses"; value: number }
          | { case: undefined; value?: undefined };
      }
    >;
  }
>;
export type ClientResponseResult = Named<
  "ClientResponseResult",
  {
    responseHeaders: Header[];
    payloads: ConformancePayload[];
    error?: ConformanceError;
    responseTrailers: Header[];
    numUnsentRequests: number;
  }
>;
export type ClientCompatResponse = Named<
  "ClientCompatResponse",
  {
    testName: string;
    result:
      | { case: "response"; value: ClientResponseResult }
      | { case: "error"; value: Named<"ClientErrorResult", { message: string }> }
      | { case: undefined; value?: undefined };
  }
>;

type Method<K extends string, I extends Message, O extends Message> = {
  methodKind: K;
  input: GenMessage<I>;
  output: GenMessage<O>;
};
type Service = GenService<{
  unary: Method<"unary", UnaryRequest, Reply<"UnaryResponse">>;
  idempotentUnary: Method<"unary", UnaryRequest, Reply<"IdempotentUnaryResponse">>;
  unimplemented: Method<"unary", Named<"UnimplementedRequest", unknown>, Named<"UnimplementedResponse", unknown>>;
  clientStream: Method<"client_streaming", ClientStreamRequest, Reply<"ClientStreamResponse">>;
  serverStream: Method<"server_streaming", ServerStreamRequest, Reply<"ServerStreamResponse">>;
  bidiStream: Method<"bidi_streaming", BidiStreamRequest, Reply<"BidiStreamResponse">>;
}>;

/** The contract of the suite. It is not ours, so it is taken from where Go keeps the source of the suite's binary. */
const suite = (): string =>
  execFileSync("go", ["list", "-m", "-f", "{{.Dir}}", `connectrpc.com/conformance@${CONFORMANCE_VERSION}`], {
    encoding: "utf8",
    // Outside of any module of our own.
    cwd: "/",
  }).trim();

export const registry: Registry = registryOf(compileProtos(suite()));

const message = <M extends Message>(name: string): GenMessage<M> =>
  registry.getMessage(`${PACKAGE}.${name}`) as DescMessage as GenMessage<M>;

export const ConformanceService = registry.getService(`${PACKAGE}.ConformanceService`) as unknown as Service;
export const RequestInfoSchema = message<RequestInfo>("ConformancePayload.RequestInfo");
export const ServerCompatRequestSchema = message<ServerCompatRequest>("ServerCompatRequest");
export const ServerCompatResponseSchema = message<ServerCompatResponse>("ServerCompatResponse");
export const ClientCompatRequestSchema = message<ClientCompatRequest>("ClientCompatRequest");
export const ClientCompatResponseSchema = message<ClientCompatResponse>("ClientCompatResponse");
