import * as net from "node:net";
import type { Address } from "@heddle/mesh/runtime";
import { Failure } from "../failure.ts";

/** A port that stays bound while the processes that take its connections come and go. */
export interface HeldPort {
  /** To be handed to a child, which listens on it. */
  readonly fd: number;
  close(): void;
}

/** What `node:net` makes for the primary of a cluster: bound, and not listening, so that this process never accepts. */
interface BoundHandle {
  readonly fd: number;
  /** Tells a bind that failed late as an error number. */
  getsockname(into: object): number;
  close(): void;
}

type BindSocket = (host: string, port: number, addressType: 4 | 6) => BoundHandle | number;

/**
 * Binds an address of this machine, for children to listen on one after the other: connections that arrive while none of them does wait
 * in the kernel's queue, since the socket is closed only with its last holder. Node has no documented way to bind without accepting;
 * this is the one by which its own `cluster` does.
 *
 * @throws Failure when the address is taken or not of this machine.
 */
export const holdPort = ({ host, port }: Address): HeldPort => {
  const { _createServerHandle: bind } = net as unknown as { readonly _createServerHandle: BindSocket };
  const handle = bind(host, port, net.isIPv6(host) ? 6 : 4);
  const problem = typeof handle === "number" ? handle : handle.getsockname({});
  if (typeof handle === "number" || problem !== 0) {
    throw new Failure(`Port ${port} on ${host} cannot be bound (error ${problem}).`, {
      next: "Choose another with --port, or see who holds it with heddle doctor.",
    });
  }
  return { fd: handle.fd, close: () => handle.close() };
};
