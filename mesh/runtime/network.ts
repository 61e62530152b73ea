import { connect as connectSocket, createServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";

/** Where something listens. */
export interface Address {
  readonly host: string;
  /** 1 to 65535; in a request to listen, 0 asks for a free one. */
  readonly port: number;
}

/**
 * An address from `host:port` or `[host]:port`, as URLs have them (RFC 3986, 3.2): without a scope id. Throws a TypeError for
 * anything else; names are not resolved here.
 */
export const parseAddress = (text: string): Address => {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535 || !URL.canParse(`http://${text}`))
    throw new TypeError(`"${text}" is no address: host:port or [host]:port`);
  return { host, port: Number(port) };
};

/** An address as `parseAddress` reads it. */
export const formatAddress = ({ host, port }: Address): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

/** Where to listen, or a socket that listens already. */
export interface ListenOn extends Address {
  /** A descriptor of this process, of a listening socket that it was given: it goes before host and port. */
  readonly fd?: number | undefined;
}

/** A listening endpoint. */
export interface Listener {
  /** The address in force, with the real port. */
  readonly address: Address;
  /** Accepts no further connection; those that are open go on. Resolves once the port is free. */
  close(): Promise<void>;
}

/** The only way to other processes. */
export interface Network {
  /** Listens, and hands each new connection on. Rejects when the address is taken or not ours. */
  listen(address: ListenOn, accept: (connection: Duplex) => void): Promise<Listener>;
  /** Opens a connection; it reports its failure by an `error` event. */
  connect(address: Address): Duplex;
}

/** TCP by `node:net`, without Nagle's delay. */
export const socketNetwork: Network = {
  listen: ({ host, port, fd }, accept) =>
    new Promise((resolve, reject) => {
      const server = createServer({ noDelay: true }, accept);
      server.once("error", reject);
      server.listen({ ...(fd === undefined ? { host, port } : { fd }), backlog: 1024 }, () => {
        server.off("error", reject);
        const bound = server.address();
        if (bound === null || typeof bound === "string") throw new Error("a TCP server has no port");
        resolve({
          address: { host: bound.address, port: bound.port },
          close: () => closeServer(server),
        });
      });
    }),
  connect: (address): Socket => connectSocket({ host: address.host, port: address.port, noDelay: true }),
};

const closeServer = (server: ReturnType<typeof createServer>): Promise<void> =>
  // server.close waits for its connections too; the port is free as soon as it is called.
  new Promise((resolve) => {
    server.close();
    setImmediate(resolve);
  });
