import { register } from "@heddle/mesh/discovery";
import { createLog } from "@heddle/mesh/observe";
import { addressedTo, createHeddleTransport } from "@heddle/mesh/rpc";
import { systemRuntime } from "@heddle/mesh/runtime";
import Database from "better-sqlite3";
import { startService } from "../../mesh/service/start-service.ts";
import { customer } from "../../services/customer/service.ts";

// The customer service as a process that is registered under the address that its parent answers to its own, so that a proxy can
// stand before it, and whose wall clock jumps when it is told to.

/** What a parent says. */
export type ToInstance =
  | { readonly type: "register"; readonly address: string }
  /** The wall clock goes so many milliseconds wrong from now on. */
  | { readonly type: "jump"; readonly byMs: number }
  /** Takes the write lock of the store, as in the middle of a transaction, or leaves it. */
  | { readonly type: "lock"; readonly isHeld: boolean };

const runtime = systemRuntime();
const wallClock = Date.now;
const log = createLog({ service: "customer", level: "info", ...runtime });
const gateway = createHeddleTransport({ baseUrl: process.env.HEDDLE_GATEWAY ?? "", runtime });
const running = await startService(customer, {
  env: process.env,
  runtime,
  log,
  transportFor: (_, of) => (of === undefined ? gateway : addressedTo(gateway, of)),
  neighbours: new Map(),
  listenOn: { host: "127.0.0.1", port: 0 },
  onFatal: (error) => {
    throw error;
  },
});
let lock: Database.Database | undefined;
process.on("message", async (message: ToInstance) => {
  if (message.type === "lock") {
    lock?.close();
    lock = message.isHeld ? new Database(`${process.env.HEDDLE_DATA}/customer/customer.db`) : undefined;
    lock?.exec("BEGIN IMMEDIATE");
    process.send?.({ type: "ready" });
    return;
  }
  if (message.type === "jump") {
    Date.now = () => wallClock() + message.byMs;
    return;
  }
  const instance = { ...running, address: message.address };
  const registration = register({ instance, transport: gateway, runtime, log });
  await registration.registered;
  process.send?.({ type: "ready" });
  process.once("SIGTERM", async () => {
    await registration.leave();
    await running.stop(1_000);
    process.exit(0);
  });
});
process.send?.({ type: "listening", address: running.address });
