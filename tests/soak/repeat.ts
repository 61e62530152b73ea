import type { DescMethodUnary } from "@bufbuild/protobuf";
import { fromJson } from "@bufbuild/protobuf";
import { BillingService } from "@heddle/contracts/billing/v1";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { OrderService } from "@heddle/contracts/order/v1";
import type { Caller } from "./caller.ts";
import { methodName, readLedger } from "./ledger.ts";

/** The requests that carry a request id. */
const METHODS: ReadonlyMap<string, DescMethodUnary> = new Map(
  [
    CustomerService.method.createCustomer,
    BillingService.method.openAccount,
    BillingService.method.recordPayment,
    OrderService.method.placeOrder,
  ].map((method) => [methodName(method), method]),
);

/** Requests that are repeated at most: of each kind the latest, which the most crashes are behind. */
const REPEATED_MAX = 400;
const PARALLEL = 4;

/** Sends acknowledged requests once more, so that the ledger shows whether they get the answer of their first time. */
export const repeatAcknowledged = async (folder: string, caller: Caller): Promise<void> => {
  const { calls } = await readLedger(folder);
  const queue = calls.filter(({ method, answers }) => METHODS.has(method) && answers.length > 0).slice(-REPEATED_MAX);
  const worker = async () => {
    for (let call = queue.pop(); call !== undefined; call = queue.pop()) {
      const method = METHODS.get(call.method);
      if (method !== undefined) await caller.call(call.id, method, fromJson(method.input, call.request));
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
};
