import {
  create,
  type DescMessage,
  type DescMethod,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { HeaderList } from "../../wire/index.ts";
import { binaryCodec } from "../binary-codec.ts";
import { CONSUMER_HEADER } from "../consumer-header.ts";

/** What is the same for every call of a method. */
export interface ClientMethod {
  readonly method: DescMethod;
  /** The full URL, as interceptors see it. */
  readonly url: string;
  /** The request's headers where the caller adds some and replaces none. */
  readonly headers: HeaderList;
  /** The same without those that a caller may replace. */
  readonly bareHeaders: HeaderList;
  /** INTERNAL when it is no such message, RESOURCE_EXHAUSTED when it is over the bound. */
  encode(message: MessageInitShape<DescMessage>): Uint8Array;
  /** INTERNAL when the bytes are no such message. */
  decode(bytes: Uint8Array): MessageShape<DescMessage>;
}

export interface MethodOptions {
  readonly scheme: string;
  readonly authority: string;
  /** Stands before `/package.Service/Method`; empty or `/path`. */
  readonly basePath: string;
  readonly writeMaxBytes: number;
  readonly acceptGzip: boolean;
  readonly sendGzip: boolean;
  /** The program that calls, as `order/1.2.0`. */
  readonly consumer?: string | undefined;
}

/** What this client calls itself, unless its caller says otherwise. */
export const USER_AGENT = "grpc-node-heddle/0.1";

export const CONTENT_TYPE = "application/grpc";

export const clientMethod = (method: DescMethod, options: MethodOptions): ClientMethod => {
  const { scheme, authority, basePath, writeMaxBytes, acceptGzip, sendGzip, consumer } = options;
  const { input, output } = method;
  const path = `${basePath}/${method.parent.typeName}/${method.name}`;
  const constant = {
    ":method": "POST",
    ":scheme": scheme,
    ":authority": authority,
    ":path": path,
    "content-type": CONTENT_TYPE,
    te: "trailers",
    "grpc-encoding": sendGzip ? "gzip" : undefined,
    "grpc-accept-encoding": acceptGzip ? "gzip" : undefined,
    [CONSUMER_HEADER]: consumer,
  };
  const requests = binaryCodec(input);
  const replies = binaryCodec(output);
  return {
    method,
    url: `${scheme}://${authority}${path}`,
    headers: HeaderList.of({ ...constant, "user-agent": USER_AGENT }),
    bareHeaders: HeaderList.of(constant),
    encode(message) {
      const bytes = requests.serialize(create(input, message));
      if (bytes.length <= writeMaxBytes) return bytes;
      const text = `message size ${bytes.length} is larger than configured writeMaxBytes ${writeMaxBytes}`;
      throw new ConnectError(text, Code.ResourceExhausted);
    },
    decode: replies.parse,
  };
};
