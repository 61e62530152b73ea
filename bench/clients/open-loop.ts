// A client that calls whether it is answered or not. Argument: the server's address. Asked by `OpenLoad` as JSON.
import process from "node:process";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { CANNED_CUSTOMER_ID } from "../customer-mesh.ts";
import { openTransport } from "./open-transport.ts";

/** Calls of one run. */
export interface OpenLoad {
  readonly perSecond: number;
  readonly seconds: number;
  /** Milliseconds after which an answer is of no use. */
  readonly timeoutMs: number;
}

/** What became of them. */
export type OpenResult = {
  /** Answered in time. */
  readonly good: number;
  readonly shed: number;
  readonly late: number;
  readonly failed: number;
};

/** Milliseconds from one handful of calls to the next. */
const STEP_MS = 2;
/** So that no connection's bound on streams is what limits the calls. */
const TRANSPORTS = 4;

const [address = ""] = process.argv.slice(2);
const clients = await Promise.all(
  Array.from({ length: TRANSPORTS }, async () => createClient(CustomerService, await openTransport(address))),
);

const run = async ({ perSecond, seconds, timeoutMs }: OpenLoad): Promise<OpenResult> => {
  const counts = { good: 0, shed: 0, late: 0, failed: 0 };
  const calls: Promise<void>[] = [];
  const call = async (index: number): Promise<void> => {
    try {
      await clients[index % TRANSPORTS]?.getCustomer({ customerId: CANNED_CUSTOMER_ID }, { timeoutMs });
      counts.good++;
    } catch (error) {
      const { code } = ConnectError.from(error);
      if (code === Code.ResourceExhausted) counts.shed++;
      else if (code === Code.DeadlineExceeded) counts.late++;
      else counts.failed++;
    }
  };
  const startMs = performance.now();
  for (let elapsedMs = 0; elapsedMs < seconds * 1_000; elapsedMs = performance.now() - startMs) {
    while (calls.length < (elapsedMs / 1_000) * perSecond) calls.push(call(calls.length));
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
  await Promise.all(calls);
  return counts;
};

process.on("message", (question: string) => void run(JSON.parse(question)).then((result) => process.send?.(result)));
process.once("SIGTERM", () => process.exit());
process.once("disconnect", () => process.exit());
process.send?.("ready");
