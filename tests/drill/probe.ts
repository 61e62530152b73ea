import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

/** What a process holds, once all that nobody needs is collected. */
export interface Held {
  /** Bytes on V8's heap. */
  readonly heapBytes: number;
  /** Open TCP connections, its own and those of others to it; NaN where the system does not tell. */
  readonly sessions: number;
}

/**
 * Open TCP connections of a process, those that are idle among them, by Linux's `/proc` (proc_pid_net(5)): what Node calls active
 * resources leaves idle ones out. NaN where there is no `/proc`.
 */
export const sessionsOf = (pid: number): number => {
  if (!existsSync("/proc/self/net/tcp")) return Number.NaN;
  const established = new Set(["tcp", "tcp6"].flatMap((table) => establishedIn(`/proc/${pid}/net/${table}`)));
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => established.has(inodeOf(`/proc/${pid}/fd/${fd}`))).length;
};

/** The inodes of the sockets in state 01, ESTABLISHED. */
const establishedIn = (table: string): string[] =>
  (existsSync(table) ? readFileSync(table, "utf8") : "")
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[3] === "01")
    .map((columns) => columns[9] ?? "");

const inodeOf = (fd: string): string => {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(fd))?.[1] ?? "";
  } catch {
    // Closed since the folder was read.
    return "";
  }
};

/** Bytes on the heap of a process, by its inspector: nothing of the process itself needs to know. */
export const heapOf = async (inspector: string): Promise<number> => {
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
    const { result } = await ask("Runtime.evaluate", { expression: "process.memoryUsage().heapUsed" });
    return (result as { value: number }).value;
  } finally {
    const closed = once(socket, "close");
    socket.close();
    await closed;
  }
};

/** What is freed by one collection may be what held something else. */
const COLLECTIONS = 3;
