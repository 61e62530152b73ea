import { connect, type Socket } from "node:net";

// Opens connections that say hello in HTTP/2 and nothing more, until its input ends: `node tests/idle-peers.ts PORT COUNT`.

const [port, count] = process.argv.slice(2).map(Number) as [number, number];

/** Preface, empty SETTINGS, and the acknowledgement of the server's. */
const HELLO = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
  Buffer.from([0, 0, 0, 4, 1, 0, 0, 0, 0]),
]);
/** Connections that are being opened at a time: fewer than a listener's backlog. */
const AT_ONCE = 100;

const sockets: Socket[] = [];
let established = 0;

const open = (): void => {
  if (sockets.length === count) return;
  const socket = connect(port, "127.0.0.1");
  sockets.push(socket);
  // The server's first words have come: it has a session.
  socket.once("data", () => {
    established++;
    if (established === count) process.stdout.write("established\n");
    else open();
  });
  socket.on("connect", () => socket.write(HELLO));
  socket.on("error", (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
};

for (let index = 0; index < AT_ONCE; index++) open();
process.stdin.on("end", () => process.exit(0)).resume();
