import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

/** What processes hold, once all that nobody needs is collected. */
export interface Held extends Sessions {
  /** Bytes on V8's heap. */
  readonly heapBytes: number;
}

/** Open TCP connections of a process, its own and those of others to it; NaN where the system does not tell. */
export interface Sessions {
  readonly sessions: number;
  /**
   * Processes that they lead to, and come from: one that does both is two. A process connects to another when it first calls it, and
   * which call which depends on who leads, and on how long they run; more connections to the same ones are a leak.
   */
  readonly peers: number;
}

/** What each of some processes holds open, idle connections among them, by Linux's `/proc` (proc_pid_net(5)): Node leaves those out. */
export const sessionsOf = (pids: readonly number[]): readonly Sessions[] => {
  if (!existsSync("/proc/self/net/tcp")) return pids.map(() => ({ sessions: Number.NaN, peers: Number.NaN }));
  const sockets = new Map(["tcp", "tcp6"].flatMap((table) => socketsIn(`/proc/self/net/${table}`)));
  const held = pids.map((pid) => inodesOf(pid).flatMap((inode) => sockets.get(inode) ?? []));
  const owners = new Map(
    held.flatMap((own, index) => own.map(({ local, remote }) => [`${local} ${remote}`, pids[index]] as const)),
  );
  return held.map((own) => {
    const listening = new Set(own.filter(({ state }) => state === LISTEN).map(({ local }) => portOf(local)));
    const connected = own.filter(({ state }) => state === ESTABLISHED);
    const peers = connected.map(({ local, remote }) => {
      const peer = owners.get(`${remote} ${local}`) ?? "outside";
      return `${listening.has(portOf(local)) ? "from" : "to"} ${peer}`;
    });
    return { sessions: connected.length, peers: new Set(peers).size };
  });
};

interface Socket {
  /** Address and port as hexadecimal digits, `0100007F:1F90`. */
  readonly local: string;
  readonly remote: string;
  readonly state: string;
}

/** States of TCP as the kernel numbers them (include/net/tcp_states.h). */
const [ESTABLISHED, LISTEN] = ["01", "0A"];

/** Sockets by their inodes. */
const socketsIn = (table: string): (readonly [string, Socket])[] =>
  (existsSync(table) ? readFileSync(table, "utf8") : "")
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .map(([, local = "", remote = "", state = "", , , , , , inode = ""]) => [inode, { local, remote, state }] as const);

const portOf = (address: string): string => address.slice(address.lastIndexOf(":") + 1);

const inodesOf = (pid: number): string[] =>
  readdirSync(`/proc/${pid}/fd`).map((fd) => inodeOf(`/proc/${pid}/fd/${fd}`));

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
