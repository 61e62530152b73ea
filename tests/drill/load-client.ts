import { createInterface } from "node:readline";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@heddle/contracts/google/rpc";
import { createHeddleTransport } from "@heddle/mesh/rpc";
import { systemRuntime } from "@heddle/mesh/runtime";
import { grpcJsTransport } from "../interop/grpc-js-transport.ts";
import type { LoadConfig } from "./load.ts";
import { followStreams, LAST_MESSAGES_MS } from "./long-streams.ts";
import { mixedCalls, WrongAnswer } from "./mixed-calls.ts";
import { callsOf, countCall, countFailure, failedOf, newTally } from "./tally.ts";

// A client of the drill as a process: calls until a line comes on stdin, tells each second how far it is, and at last what it has
// counted. load.ts says what it is told, and go/main.go is the same in Go.

/** Milliseconds that a call may take: more than any of them needs, so that one that hangs is seen. */
const CALL_MS_MAX = 15_000;
/** Milliseconds of rest after a call that failed: what fails at once would be most of what is counted. */
const AFTER_FAILURE_MS = 20;
const TELL_EVERY_MS = 1_000;

const config = JSON.parse(process.argv[2] ?? "") as LoadConfig;
const { clock, timers } = systemRuntime();

const transports: Readonly<Record<string, () => Transport>> = {
  heddle: () => createHeddleTransport({ baseUrl: `http://${config.addresses[0]}` }),
  "grpc-js": () =>
    grpcJsTransport({
      address: `ipv4:${config.addresses.join(",")}`,
      channelOptions: { "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }) },
    }),
};
const transport = transports[config.client]?.();
if (transport === undefined) throw new Error(`there is no client ${config.client}`);

const tally = newTally();
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
const stopped = new AbortController();

const work = async (worker: number): Promise<void> => {
  for (const { method, isStream, run } of mixedCalls(transport, config.prepared, `${config.client}-${worker}`)) {
    if (stopped.signal.aborted) return;
    const beginMs = clock.monotonicMs();
    let tookMs: number | undefined;
    try {
      await run({ timeoutMs: CALL_MS_MAX });
      tookMs = isStream ? undefined : clock.monotonicMs() - beginMs;
    } catch (thrown) {
      const error = ConnectError.from(thrown);
      const code = thrown instanceof WrongAnswer ? "WrongAnswer" : (Code[error.code] ?? "");
      const reason = error.findDetails(ErrorInfoSchema)[0]?.reason ?? "";
      countFailure(tally, { method, code, reason, message: error.rawMessage, atMs: clock.nowMs() });
      await timers.sleep(AFTER_FAILURE_MS);
    }
    countCall(tally, method, tookMs);
  }
};

const followed = new AbortController();
const following = followStreams(transport, config.prepared, tally, { clock, timers }, followed.signal);
const telling = timers.every(TELL_EVERY_MS, () => void say({ calls: callsOf(tally), failed: failedOf(tally) }));
createInterface({ input: process.stdin }).once("line", () => stopped.abort());
process.stdin.once("end", () => stopped.abort());
await Promise.all(Array.from({ length: config.workers }, (_, worker) => work(worker)));
await timers.sleep(LAST_MESSAGES_MS);
followed.abort();
await following;
telling.cancel();
process.stdout.write(`${JSON.stringify({ tally })}\n`, () => process.exit(0));
