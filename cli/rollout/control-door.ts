import { rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import type { Timers } from "@heddle/mesh/runtime";
import { Failure } from "../failure.ts";
import {
  type ControlReply,
  type ControlRequest,
  type ControlResult,
  parseControlRequest,
  REQUEST_BYTES_MAX,
  type Step,
} from "./control-messages.ts";

/** Carries out a request, and tells each step. Throws a Failure for what cannot be done. */
export type ControlHandler = (request: ControlRequest, tell: (step: Step) => void) => Promise<ControlResult>;

/** Where the commands of a data folder reach its supervisor. */
export interface ControlDoor {
  /** Takes no further request and ends the connections. */
  close(): void;
}

/** Bytes of a Unix socket's path at most: `sun_path` of macOS, the shortest (unix(7) has 108). */
const PATH_BYTES_MAX = 103;
/** Connections at once: people who wait for a command. */
const CONNECTIONS_MAX = 32;
/** Milliseconds that a connection gets to say what it wants. */
const REQUEST_MS = 5_000;

/**
 * Opens the door at `path`, which only this user may enter: one request per connection, a line of JSON; the answer is a line per step and
 * one for the end. What was asked goes on where the connection ends before.
 *
 * @throws Failure when no socket can be made there.
 */
export const openControlDoor = async (path: string, handle: ControlHandler, timers: Timers): Promise<ControlDoor> => {
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) {
    throw new Failure(`${path} is too long for a socket: at most ${PATH_BYTES_MAX} bytes.`, {
      next: "Choose a data folder with a shorter path: heddle scale, restart and deploy need it.",
    });
  }
  // The folder is this supervisor's: what is there was left behind by one that was killed.
  rmSync(path, { force: true });
  const connections = new Set<Socket>();
  const server = createServer((connection) => {
    connections.add(connection);
    connection.on("close", () => connections.delete(connection));
    // Whoever went away has no use for the answer.
    connection.on("error", () => connection.destroy());
    const late = timers.after(REQUEST_MS, () => connection.destroy());
    readLine(connection, (line) => {
      late.cancel();
      void answer(connection, line, handle);
    });
    connection.on("close", () => late.cancel());
  });
  server.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    // The socket gets its mode when it is bound, which happens within this call.
    const mask = process.umask(0o177);
    try {
      server.listen(path, resolve);
    } finally {
      process.umask(mask);
    }
  });
  // The mesh runs as long as its services do, not as long as somebody may ask.
  server.unref();
  return {
    close() {
      server.close();
      for (const connection of connections) connection.destroy();
    },
  };
};

const readLine = (connection: Socket, onLine: (line: string) => void): void => {
  let read: Buffer = Buffer.alloc(0);
  const onData = (chunk: Buffer): void => {
    read = Buffer.concat([read, chunk]);
    const end = read.indexOf(NEWLINE);
    if (end < 0 && read.length <= REQUEST_BYTES_MAX) return;
    connection.off("data", onData);
    connection.resume();
    if (end < 0 || end > REQUEST_BYTES_MAX) connection.destroy();
    else onLine(read.toString("utf8", 0, end));
  };
  connection.on("data", onData);
};

const NEWLINE = 10;

const answer = async (connection: Socket, line: string, handle: ControlHandler): Promise<void> => {
  const send = (reply: ControlReply): void => {
    if (connection.writable) connection.write(`${JSON.stringify(reply)}\n`);
  };
  const request = parseControlRequest(line);
  const result =
    request === undefined
      ? UNREADABLE
      : await handle(request, (step) => send({ type: "step", step })).catch(failedResult);
  send(result);
  connection.end();
};

const UNREADABLE: ControlResult = {
  type: "failed",
  message: "The supervisor does not understand this request.",
  next: "Use the heddle command that started it, or start it again: heddle down, heddle up.",
};

const failedResult = (error: unknown): ControlResult =>
  error instanceof Failure
    ? { type: "failed", message: error.message, next: error.next }
    : { type: "failed", message: error instanceof Error ? error.message : String(error) };
