import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OTHER_CORE, type SpawnOptions, startClient, startPeer } from "./contestant.ts";
import { CANNED_CUSTOMER_ID, checkAnswer, GET_CUSTOMER_PATH, requestFor, startCustomerMesh } from "./customer-mesh.ts";
import { calibrate, type Load, runLoad } from "./load.ts";
import { calibrateClient } from "./workloads/client.ts";
import { startGateway } from "./workloads/relay.ts";
import { calibrateStreams, runStreams, STREAMS } from "./workloads/streaming.ts";

/** A process of ours that runs, and what to do to it. */
export interface Scene {
  readonly pid: number;
  /** Warms it up; returns the load that keeps it busy for about `seconds`. */
  prepare(seconds: number): Promise<() => Promise<SceneResult>>;
  stop(): Promise<void>;
}

export interface SceneResult {
  /** What is counted, for instance "request". */
  readonly unit: string;
  /** How many there were. */
  readonly count: number;
  readonly perSecond: number;
  readonly cpuMicrosEach: number;
}

/** What can be profiled: each starts a process with the options, and what it needs beside it. */
export const SCENES: Readonly<Record<string, (options: SpawnOptions) => Promise<Scene>>> = {
  async "get-customer"(options) {
    const { customer, bodyFile, reply, stop } = await startCustomerMesh({ customer: options });
    const url = `http://${customer.address}${GET_CUSTOMER_PATH}`;
    return loaded({ url, bodyFile, replyBytes: reply.length, pids: [customer.pid] }, stop);
  },
  async client(options) {
    const server = await startPeer("canned", [], { core: OTHER_CORE });
    const client = await startClient("heddle", [server.address, CANNED_CUSTOMER_ID], options);
    return {
      pid: client.pid,
      async prepare(seconds) {
        const calls = await calibrateClient(client, seconds);
        return async () => {
          const result = await client.run(calls);
          return {
            unit: "call",
            count: calls,
            perSecond: calls / result.seconds,
            cpuMicrosEach: result.cpuMicros / calls,
          };
        };
      },
      async stop() {
        await client.stop();
        await server.stop();
      },
    };
  },
  async streaming(options) {
    const folder = mkdtempSync(join(tmpdir(), "heddle-bench-"));
    const bodyFile = join(folder, "request.bin");
    const server = await startPeer("heddle", ["on"], options);
    return {
      pid: server.pid,
      async prepare(seconds) {
        const messages = calibrateStreams(server, seconds, bodyFile);
        return async () => {
          const { messagesPerSecond, cpuMicrosPerMessage } = runStreams(server, messages, bodyFile);
          return {
            unit: "message",
            count: messages * STREAMS,
            perSecond: messagesPerSecond,
            cpuMicrosEach: cpuMicrosPerMessage,
          };
        };
      },
      async stop() {
        await server.stop();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
  async relay(options) {
    const folder = mkdtempSync(join(tmpdir(), "heddle-bench-"));
    const gateway = await startGateway(folder, options);
    const backend = await startPeer("canned", [gateway.address], { core: OTHER_CORE });
    const bodyFile = join(folder, "request.bin");
    writeFileSync(bodyFile, requestFor(CANNED_CUSTOMER_ID));
    const replyBytes = await checkAnswer(gateway.address, CANNED_CUSTOMER_ID);
    const url = `http://${gateway.address}${GET_CUSTOMER_PATH}`;
    return loaded({ url, bodyFile, replyBytes, pids: [gateway.pid] }, async () => {
      await backend.stop();
      await gateway.stop();
      rmSync(folder, { recursive: true, force: true });
    });
  },
};

const loaded = (load: Load, stop: () => Promise<void>): Scene => ({
  pid: load.pids[0] ?? 0,
  async prepare(seconds) {
    const requests = calibrate(load, seconds);
    return async () => {
      const { requestsPerSecond, cpuMicrosPerRequest } = runLoad(load, requests);
      return { unit: "request", count: requests, perSecond: requestsPerSecond, cpuMicrosEach: cpuMicrosPerRequest };
    };
  },
  stop,
});
