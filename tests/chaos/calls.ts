import { createInterface } from "node:readline";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { createHeddleTransport } from "@heddle/mesh/rpc";
import { systemRuntime } from "@heddle/mesh/runtime";
import { DEADLINE_MS, type LoggedCall } from "./call-log.ts";

// The load of the chaos tests as a process: calls the mesh at the URL of its argument until a line comes on stdin, then writes
// every call that it made, as JSON.

const READERS = 6;
const CREATORS = 3;
/** Milliseconds between calls of one worker, so that the processes that are called have time for them. */
const PAUSE_MS = 5;

const { clock, timers } = systemRuntime();
const customers = createClient(CustomerService, createHeddleTransport({ baseUrl: process.argv[2] ?? "" }));
const calls: LoggedCall[] = [];
let isStopped = false;

const person = { givenName: "Ada", familyName: "Chaos" };
const { customer } = await customers.createCustomer({ ...person, email: "ada@chaos.example" });
const customerId = customer?.id ?? "";
const run = {
  read: () => customers.getCustomer({ customerId }, { timeoutMs: DEADLINE_MS.read }),
  create: (email: string) => customers.createCustomer({ ...person, email }, { timeoutMs: DEADLINE_MS.create }),
};

const work = async (kind: LoggedCall["kind"], worker: number): Promise<void> => {
  for (let count = 0; !isStopped; count++) {
    const beginMs = clock.nowMs();
    let [code, message] = ["OK", ""];
    try {
      await run[kind](`ada-${worker}-${count}@chaos.example`);
    } catch (thrown) {
      const error = ConnectError.from(thrown);
      [code, message] = [Code[error.code] ?? "", error.rawMessage];
    }
    calls.push({ kind, beginMs, endMs: clock.nowMs(), code, message });
    await timers.sleep(PAUSE_MS);
  }
};

createInterface({ input: process.stdin }).once("line", () => {
  isStopped = true;
});
process.stdout.write("calling\n");
await Promise.all([
  ...Array.from({ length: READERS }, (_, worker) => work("read", worker)),
  ...Array.from({ length: CREATORS }, (_, worker) => work("create", worker)),
]);
process.stdout.write(`${JSON.stringify(calls)}\n`, () => process.exit(0));
