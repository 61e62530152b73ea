import { once } from "node:events";

/** What a process holds, once all that nobody needs is collected. */
export interface Held {
  /** Bytes on V8's heap. */
  readonly heapBytes: number;
  /** Open TCP connections, its own and those of others to it. */
  readonly sessions: number;
}

const MEASURE = `JSON.stringify({
  heapBytes: process.memoryUsage().heapUsed,
  sessions: process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length,
})`;

/** Asks a process for what it holds, by its inspector: nothing of the process itself needs to know. */
export const heldBy = async (inspector: string): Promise<Held> => {
  const socket = new WebSocket(inspector);
  await once(socket, "open");
  let asked = 0;
  const ask = async (method: string, params: object = {}): Promise<Record<string, unknown>> => {
    const id = ++asked;
    const answered = Promise.withResolvers<Record<string, unknown>>();
    const listen = (event: MessageEvent) => {
      const message = JSON.parse(String(event.data)) as { id?: number; result?: Record<string, unknown> };
      if (message.id === id) answered.resolve(message.result ?? {});
    };
    socket.addEventListener("message", listen);
    socket.send(JSON.stringify({ id, method, params }));
    const result = await answered.promise;
    socket.removeEventListener("message", listen);
    return result;
  };
  try {
    await ask("HeapProfiler.enable");
    for (let times = 0; times < COLLECTIONS; times++) await ask("HeapProfiler.collectGarbage");
    const { result } = await ask("Runtime.evaluate", { expression: MEASURE });
    return JSON.parse((result as { value: string }).value) as Held;
  } finally {
    const closed = once(socket, "close");
    socket.close();
    await closed;
  }
};

/** What is freed by one collection may be what held something else. */
const COLLECTIONS = 3;
