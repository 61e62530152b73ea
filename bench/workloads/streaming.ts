import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { type Contestant, startPeer } from "../contestant.ts";
import { runLoad } from "../load.ts";
import { REPLY_BYTES, STREAM_PATH, StreamRequestSchema, StreamService } from "../peers/stream-contract.ts";
import { inRounds } from "../rounds.ts";
import { H2LOAD, rowOf, TASKSET, type Workload } from "../row.ts";

const SERVERS = ["heddle", "grpc-js", "connect-node"] as const;
/** Streams at a time; each on a connection of its own but for four to one. */
const SHAPE = { connections: 4, streams: 4 };
export const STREAMS = SHAPE.connections * SHAPE.streams;

/** Server streaming: 16 long streams of messages of 100 bytes, which h2load takes as fast as they come. */
export const streaming: Workload = {
  name: "streaming",
  tools: [H2LOAD, TASKSET],
  async run({ runs, seconds, progress }) {
    const folder = mkdtempSync(join(tmpdir(), "heddle-bench-"));
    const servers: Contestant[] = [];
    try {
      const contestants: Record<string, () => StreamFigures> = {};
      for (const name of SERVERS) {
        const server = await startPeer(name, name === "heddle" ? ["on"] : []);
        servers.push(server);
        await checkStream(server.address);
        const bodyFile = join(folder, `${name}.bin`);
        const messages = calibrateStreams(server, seconds, bodyFile);
        contestants[name] = () => runStreams(server, messages, bodyFile);
      }
      const results = await inRounds(contestants as Record<(typeof SERVERS)[number], () => StreamFigures>, {
        runs,
        progress,
      });
      const row = (name: string, figure: keyof StreamFigures, unit: string) =>
        rowOf(name, { figure, unit, ours: "heddle" }, results);
      return [
        row("streaming", "messagesPerCore", "messages/s per core"),
        row("streaming-cpu", "cpuMicrosPerMessage", "us CPU/message"),
        row("streaming-memory", "megabytes", "MB"),
      ];
    } finally {
      for (const server of servers) await server.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

type StreamFigures = {
  readonly messagesPerCore: number;
  readonly messagesPerSecond: number;
  readonly cpuMicrosPerMessage: number;
  readonly megabytes: number;
};

const ENVELOPE_BYTES = 5;
const PROBE_MESSAGES = 500;

/** Warms a server up; returns the number of messages on each stream that it sends in about `seconds`. */
export const calibrateStreams = (server: Contestant, seconds: number, bodyFile: string): number => {
  let messages = PROBE_MESSAGES;
  for (let round = 0; round < 3; round++) {
    const { messagesPerSecond } = runStreams(server, messages, bodyFile);
    messages = Math.max(PROBE_MESSAGES, Math.ceil((messagesPerSecond * seconds) / STREAMS));
  }
  return messages;
};

/** Runs all streams once, each of so many messages. */
export const runStreams = ({ address, pid }: Contestant, messages: number, bodyFile: string): StreamFigures => {
  const request = create(StreamRequestSchema, { messages });
  writeFileSync(bodyFile, encodeEnvelope(0, toBinary(StreamRequestSchema, request)));
  const replyBytes = messages * (ENVELOPE_BYTES + REPLY_BYTES);
  const load = { url: `http://${address}${STREAM_PATH}`, bodyFile, replyBytes, pids: [pid], ...SHAPE };
  const result = runLoad(load, STREAMS);
  const cpuMicrosPerMessage = result.cpuMicrosPerRequest / messages;
  return {
    messagesPerCore: 1e6 / cpuMicrosPerMessage,
    messagesPerSecond: result.requestsPerSecond * messages,
    cpuMicrosPerMessage,
    megabytes: result.megabytes,
  };
};

const checkStream = async (address: string): Promise<void> => {
  const client = createClient(StreamService, createGrpcTransport({ baseUrl: `http://${address}` }));
  let received = 0;
  for await (const { text } of client.send({ messages: 1_000 })) if (text.length + 2 === REPLY_BYTES) received++;
  if (received !== 1_000) throw new Error(`${address} sent ${received} messages of 1,000`);
};
