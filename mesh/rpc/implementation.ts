import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { MethodImpl, ServiceImpl } from "@connectrpc/connect";

/** What answers one RPC. Throws `fail(REASON, …)`; everything else that it throws reaches the caller as INTERNAL. */
export type Handler<M extends DescMethod> = MethodImpl<M>;

/** A contract's service with a handler for each of its RPCs. */
export interface Implementation {
  readonly service: DescService;
  readonly handlers: Readonly<Record<string, MethodImpl<DescMethod>>>;
}

/** Binds handlers to a contract; a handler that is missing or of another shape does not compile. */
export const implementation = <S extends DescService>(service: S, handlers: ServiceImpl<S>): Implementation => ({
  service,
  handlers: handlers as unknown as Implementation["handlers"],
});
