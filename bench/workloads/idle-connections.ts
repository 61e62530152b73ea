import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { residentMegabytes } from "../accounts.ts";
import { OTHER_CORE, type Peer, startPeer, startProcess } from "../contestant.ts";
import { StreamService } from "../peers/stream-contract.ts";
import { inRounds } from "../rounds.ts";
import { rowOf, TASKSET, type Workload } from "../row.ts";

const CONNECTIONS = 10_000;
/** Descriptors that either process needs beside those of the connections. */
const OTHER_FILES = 200;

/** HTTP/2 connections that have shaken hands and carry nothing: what each takes of the server's memory. */
export const idleConnections: Workload = {
  name: "idle-connections",
  tools: [TASKSET],
  async run({ runs, progress }) {
    assertOpenFiles(CONNECTIONS + OTHER_FILES);
    const results = await inRounds(
      {
        heddle: () => holdIdle("heddle", ["on"]),
        "grpc-js": () => holdIdle("grpc-js", []),
        "connect-node": () => holdIdle("connect-node", []),
      },
      { runs, progress },
    );
    return [
      rowOf("idle-connections", { figure: "kilobytesEach", unit: "KB each", ours: "heddle" }, results),
      rowOf("idle-connections-held", { figure: "held", unit: "connections", ours: "heddle" }, results),
    ];
  },
};

type IdleFigures = { readonly kilobytesEach: number; readonly held: number };

const holdIdle = async (name: string, args: readonly string[]): Promise<IdleFigures> => {
  const server = await startPeer(name, args, { nodeOptions: ["--expose-gc"] });
  try {
    // What the first call leaves behind is not the connections'.
    await call(server);
    const before = await settledMegabytes(server);
    const holder = await startProcess(["bench/clients/hold-connections.ts", server.address, String(CONNECTIONS)], {
      core: OTHER_CORE,
    });
    try {
      const after = await settledMegabytes(server);
      await call(server);
      const held = (await holder.ask("held")) as number;
      return { kilobytesEach: ((after - before) * 1024) / held, held };
    } finally {
      await holder.stop();
    }
  } finally {
    await server.stop();
  }
};

/** Memory in use, without what the next collection takes anyway. */
const settledMegabytes = async (server: Peer): Promise<number> => {
  for (let round = 0; round < 3; round++) {
    await server.collectGarbage();
    await sleep(200);
  }
  return residentMegabytes([server.pid]);
};

const call = async ({ address }: Peer): Promise<void> => {
  const client = createClient(StreamService, createGrpcTransport({ baseUrl: `http://${address}` }));
  for await (const _ of client.send({ messages: 1 }));
};

/** Node raises the limit of open files to the hard one by itself; more than that it cannot have. */
const assertOpenFiles = (needed: number): void => {
  const hard = /^Max open files\s+\d+\s+(\d+|unlimited)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
  if (Number(hard) < needed)
    throw new Error(`${hard} open files are allowed, ${needed} are needed: ulimit -Hn ${needed}`);
};
