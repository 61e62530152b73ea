// Opens HTTP/2 connections and leaves them alone. Arguments: the server's address, how many. Says when all have shaken hands;
// asked later, says how many are still open.
import { connect, type Socket } from "node:net";
import process from "node:process";

/** RFC 9113, 3.4 and 6.5: the preface, empty SETTINGS, and their acknowledgement. */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const SETTINGS_ACK = Buffer.from([0, 0, 0, 4, 1, 0, 0, 0, 0]);
const FRAME_HEADER_BYTES = 9;
/** Connections that are being opened at a time: fewer than the server's backlog. */
const AT_A_TIME = 100;

const [host = "", port] = (process.argv[2] ?? "").split(":");
const count = Number(process.argv[3]);
const open = new Set<Socket>();

/** Resolves when both sides' settings are acknowledged. */
const openOne = (): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), noDelay: true });
    let unread = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      unread = Buffer.concat([unread, chunk]);
      while (unread.length >= FRAME_HEADER_BYTES) {
        const end = FRAME_HEADER_BYTES + unread.readUIntBE(0, 3);
        if (unread.length < end) return;
        const [type, flags] = [unread[3], unread[4]];
        unread = Buffer.from(unread.subarray(end));
        if (type !== 4) continue;
        if (flags === 0) socket.write(SETTINGS_ACK);
        else resolve();
      }
    });
    socket.on("error", reject);
    socket.on("close", () => {
      open.delete(socket);
      reject(new Error("a connection was closed"));
    });
    open.add(socket);
    socket.write(Buffer.concat([PREFACE, SETTINGS]));
  });

const openSome = async (): Promise<void> => {
  while (open.size < count) await openOne();
};
await Promise.all(Array.from({ length: AT_A_TIME }, openSome));
process.on("message", () => process.send?.(open.size));
process.once("SIGTERM", () => process.exit());
process.once("disconnect", () => process.exit());
process.send?.("held");
