import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { Runtime } from "@heddle/mesh/runtime";

/** A proxy in front of one instance, through which all calls to it go, and which can go wrong as networks do. */
export interface TcpProxy {
  /** `host:port`. */
  readonly address: string;
  /** From now on what arrives is passed on after so many milliseconds, either way. */
  delay(delayMs: number): void;
  /** From now on nothing passes, either way, and nobody is told: connections are taken, and stay open. */
  swallow(): void;
  /** Resets every connection, and each that comes. */
  reset(): void;
  /** The instance loses the connections that there are, and their other ends are not told. New ones are as ever. */
  halfOpen(): void;
  /** From now on everything passes, on new connections. */
  heal(): void;
  close(): Promise<void>;
}

interface Pair {
  readonly near: Socket;
  readonly far: Socket | undefined;
}

/** @param target Where the instance listens, `host:port`. */
export const startProxy = async (
  target: string,
  { clock, timers }: Pick<Runtime, "clock" | "timers">,
): Promise<TcpProxy> => {
  const [host = "", port = ""] = target.split(":");
  const pairs = new Set<Pair>();
  let mode: "pass" | "swallow" | "reset" = "pass";
  let delayMs = 0;

  const pump = (from: Socket, to: Socket): void => {
    /** What is on its way, in the order in which it came. */
    const onTheWay: { readonly dueMs: number; readonly chunk: Buffer }[] = [];
    const arrive = (): void => {
      for (let first = onTheWay[0]; first !== undefined; first = onTheWay[0]) {
        const leftMs = first.dueMs - clock.monotonicMs();
        if (leftMs > 0) {
          timers.after(leftMs, arrive);
          return;
        }
        onTheWay.shift();
        if (to.writable) to.write(first.chunk);
      }
    };
    from.on("data", (chunk: Buffer) => {
      if (mode === "swallow") return;
      const dueMs = Math.max(clock.monotonicMs() + delayMs, onTheWay.at(-1)?.dueMs ?? 0);
      onTheWay.push({ dueMs, chunk });
      if (onTheWay.length === 1) arrive();
    });
    from.on("error", () => undefined);
    from.once("close", () => {
      if (mode !== "swallow") to.destroy();
    });
  };
  const server = createServer({ noDelay: true }, (near) => {
    if (mode === "reset") {
      near.resetAndDestroy();
      return;
    }
    const far = mode === "swallow" ? undefined : connect({ host, port: Number(port), noDelay: true });
    const pair = { near, far };
    pairs.add(pair);
    near.once("close", () => pairs.delete(pair));
    if (far === undefined) {
      near.on("data", () => undefined);
      near.on("error", () => undefined);
      return;
    }
    pump(near, far);
    pump(far, near);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const dropAll = () => {
    for (const { near, far } of pairs) {
      near.resetAndDestroy();
      far?.resetAndDestroy();
    }
  };

  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    delay(ms) {
      delayMs = ms;
    },
    swallow() {
      mode = "swallow";
    },
    reset() {
      mode = "reset";
      dropAll();
    },
    halfOpen() {
      for (const { near, far } of pairs) {
        // What the near end still sends goes nowhere, and no end of the far one reaches it.
        far?.removeAllListeners("close");
        near.removeAllListeners("data");
        near.on("data", () => undefined);
        far?.resetAndDestroy();
      }
    },
    heal() {
      // A network that is whole again finds connections of which both ends know different things.
      if (mode === "swallow") dropAll();
      mode = "pass";
      delayMs = 0;
    },
    async close() {
      dropAll();
      server.close();
      await once(server, "close");
    },
  };
};
