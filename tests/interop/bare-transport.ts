import type { Transport } from "@connectrpc/connect";
import { compressionGzip, createGrpcTransport } from "@connectrpc/connect-node";
import { createHeddleTransport } from "../../mesh/rpc/client/heddle-transport.ts";

export interface BareTransportOptions {
  readonly baseUrl: string;
  /** Bytes of one reply; by default as many as the transport takes. */
  readonly messageBytesMax?: number | undefined;
  /** Whether requests are compressed. */
  readonly gzip?: boolean;
  /** PEM. */
  readonly tls?: { readonly ca: Uint8Array; readonly key?: Uint8Array; readonly cert?: Uint8Array } | undefined;
}

/** A gRPC client without the mesh's policies, on the wire that HEDDLE_WIRE names. */
export const bareTransport = (options: BareTransportOptions): Transport =>
  process.env.HEDDLE_WIRE === "node" ? connectNodeTransport(options) : heddleTransport(options);

/** Connect's own, on node:http2. */
export const connectNodeTransport = ({ baseUrl, messageBytesMax, gzip, tls }: BareTransportOptions): Transport =>
  createGrpcTransport({
    baseUrl,
    ...(messageBytesMax === undefined ? {} : { readMaxBytes: messageBytesMax }),
    acceptCompression: [compressionGzip],
    ...(gzip ? { sendCompression: compressionGzip, compressMinBytes: 0 } : {}),
    nodeOptions: tls === undefined ? {} : pem(tls),
  });

/** Ours. */
export const heddleTransport = ({ baseUrl, messageBytesMax, gzip, tls }: BareTransportOptions): Transport =>
  createHeddleTransport({
    baseUrl,
    readMaxBytes: messageBytesMax ?? MESSAGE_BYTES_MAX,
    writeMaxBytes: MESSAGE_BYTES_MAX,
    ...(gzip ? { sendCompression: "gzip", compressMinBytes: 0 } : {}),
    ...(tls === undefined ? {} : { tls: pem(tls) }),
  });

const MESSAGE_BYTES_MAX = 64 << 20;

const pem = ({ ca, key, cert }: NonNullable<BareTransportOptions["tls"]>) => ({
  ca: Buffer.from(ca),
  ...(key === undefined ? {} : { key: Buffer.from(key) }),
  ...(cert === undefined ? {} : { cert: Buffer.from(cert) }),
});
