import type { DescMethod, DescService, Registry } from "@bufbuild/protobuf";
import { Code, ConnectError, type MethodImpl, type ServiceImpl } from "@connectrpc/connect";
import { createLog } from "../../mesh/observe/index.ts";
import { createRpcServer, type Implementation } from "../../mesh/rpc/index.ts";
import { systemRuntime } from "../../mesh/runtime/index.ts";

export interface BareServerOptions<S extends DescService> {
  readonly service: S;
  /** What is left out answers UNIMPLEMENTED. */
  readonly handlers: Partial<ServiceImpl<S>>;
  /** The types that an Any may hold in JSON. */
  readonly registry: Registry;
  /** Bytes of one request message. */
  readonly messageBytesMax?: number | undefined;
  /** PEM. With `ca`, clients must show a certificate that it has signed. */
  readonly tls?:
    | { readonly key: Uint8Array; readonly cert: Uint8Array; readonly ca?: Uint8Array | undefined }
    | undefined;
  /** By default a free one. */
  readonly port?: number;
}

export interface BareServer {
  readonly port: number;
  /** Says GOAWAY, lets what runs finish for at most `timeoutMs` milliseconds, and cuts what is left. */
  drain(timeoutMs: number): Promise<void>;
}

/** Serves handlers as they are, without the mesh's policies, on the wire that HEDDLE_WIRE names. */
export const serveBare = async <S extends DescService>(options: BareServerOptions<S>): Promise<BareServer> => {
  const { messageBytesMax, registry, tls, port: wanted = 0 } = options;
  const runtime = systemRuntime();
  const server = createRpcServer({
    implementations: [implementationOf(options)],
    policies: false,
    runtime,
    log: createLog({
      service: "interop",
      level: "silent",
      clock: runtime.clock,
      destination: { write: () => undefined },
    }),
    registry,
    ...(messageBytesMax === undefined ? {} : { limits: { messageBytesMax } }),
    ...(tls === undefined ? {} : { tls: tlsOf(tls) }),
  });
  const { port } = await server.listen({ host: "127.0.0.1", port: wanted });
  return { port, drain: async (timeoutMs) => void (await server.drain(timeoutMs)) };
};

const implementationOf = <S extends DescService>({ service, handlers }: BareServerOptions<S>): Implementation => {
  const given = handlers as Record<string, MethodImpl<DescMethod>>;
  return {
    service,
    handlers: Object.fromEntries(
      service.methods.map((method) => [method.localName, given[method.localName] ?? unimplemented(method)]),
    ),
  };
};

const unimplemented = (method: DescMethod): MethodImpl<DescMethod> => {
  const error = () =>
    new ConnectError(`${method.parent.typeName}.${method.name} is not implemented`, Code.Unimplemented);
  const refuse =
    method.methodKind === "unary" || method.methodKind === "client_streaming"
      ? () => Promise.reject(error())
      : // biome-ignore lint/correctness/useYield: it ends before its first reply
        async function* () {
          throw error();
        };
  return refuse as unknown as MethodImpl<DescMethod>;
};

const tlsOf = ({ key, cert, ca }: NonNullable<BareServerOptions<DescService>["tls"]>) => ({
  key: Buffer.from(key),
  cert: Buffer.from(cert),
  ...(ca === undefined ? {} : { ca: Buffer.from(ca), requestCert: true }),
});
