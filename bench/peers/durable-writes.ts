// A contestant of the workload durable-writes: its name, its folder, and the socket on which it answers each byte after a read.
import { createServer } from "node:net";
import { WRITERS, type WriterName } from "../durable/writers.ts";

const [name = "", folder = "", socket = ""] = process.argv.slice(2);
const writer = await WRITERS[name as WriterName](folder);

let written = 0;
const nextId = () => `ord_${String(++written).padStart(12, "0")}`;

/** Makes so many writes with so many in flight; resolves to the seconds and the CPU time that they took. */
const run = async (writes: number, inFlight: number) => {
  const startMs = performance.now();
  const before = process.cpuUsage();
  let begun = 0;
  const oneAfterAnother = async () => {
    while (begun++ < writes) await writer.write(nextId());
  };
  await Promise.all(Array.from({ length: inFlight }, oneAfterAnother));
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - startMs) / 1000, cpuMicros: user + system };
};

await writer.write(nextId());
const server = createServer((connection) => {
  connection.on("data", (pings) => {
    for (const _ of pings) void writer.read("ord_000000000001").then(() => connection.write("."));
  });
  connection.on("error", () => {});
}).listen(socket);

process.on("message", (question: string) => {
  const { writes, inFlight } = JSON.parse(question) as { writes: number; inFlight: number };
  run(writes, inFlight).then(
    (result) => process.send?.(result),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.once("SIGTERM", () => process.exit());
process.once("disconnect", () => process.exit());
server.once("listening", () => process.send?.("ready"));
