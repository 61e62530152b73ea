import { AsyncLocalStorage } from "node:async_hooks";
import { connect } from "node:http2";
import { type Address, formatAddress, type Network, type Timers } from "../../runtime/index.ts";
import type { Session } from "../../wire/index.ts";
import { DEFAULT_RPC_LIMITS } from "../limits.ts";
import { nodeClientSession } from "../node-stream-session.ts";
import { AcquireError, type ConnectionPool } from "./connection-pool.ts";
import { DEFAULT_POOL_LIMITS } from "./pool-limits.ts";

/** Runs work outside of any call: a connection outlives the one that it was opened for. */
const outside = AsyncLocalStorage.snapshot();

/** One connection of `node:http2` to an address, opened again when it ends. */
export const nodePool = (
  address: Address,
  { network, timers }: { readonly network: Network; readonly timers: Timers },
  { connectTimeoutMs = DEFAULT_POOL_LIMITS.connectTimeoutMs }: { readonly connectTimeoutMs?: number | undefined } = {},
): ConnectionPool => {
  const place = formatAddress(address);
  let open: Session | undefined;
  let opening: Promise<Session> | undefined;
  let closed = false;

  const acquireNow = (): Session | undefined => (open !== undefined && !open.draining ? open : undefined);
  const openSession = (): Promise<Session> =>
    new Promise((resolve, reject) => {
      const session = connect("http://instance", {
        maxSessionMemory: DEFAULT_RPC_LIMITS.sessionMegabytesMax,
        createConnection: () => network.connect(address),
      });
      const failed = (cause?: unknown) => {
        timer.cancel();
        session.destroy();
        const why = cause instanceof Error ? cause.message : "the peer closed it";
        reject(new AcquireError("unavailable", `no connection to ${place}: ${why}`, cause));
      };
      const timer = timers.after(connectTimeoutMs, () => failed(new Error(`no answer within ${connectTimeoutMs} ms`)));
      session.once("error", failed);
      session.once("close", failed);
      // Connected is not enough: whatever listens there must speak HTTP/2.
      session.once("remoteSettings", () => {
        timer.cancel();
        session.off("error", failed);
        session.off("close", failed);
        open = nodeClientSession(session, place);
        if (closed) open.drain();
        resolve(open);
      });
    });
  const waitFor = async (signal: AbortSignal | undefined): Promise<Session> => {
    if (closed) throw new AcquireError("unavailable", `the connections to ${place} were closed`);
    opening ??= outside(openSession).finally(() => {
      opening = undefined;
    });
    if (signal === undefined) return opening;
    signal.throwIfAborted();
    const { promise: left, reject } = Promise.withResolvers<never>();
    const leave = () => reject(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([opening, left]);
    } finally {
      signal.removeEventListener("abort", leave);
    }
  };
  return {
    acquireNow,
    acquire: (signal) => acquireNow() ?? waitFor(signal),
    close() {
      closed = true;
      open?.drain();
    },
    destroy() {
      closed = true;
      open?.destroy();
    },
  };
};
