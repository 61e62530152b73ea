import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { type ReportUsageRequest, UsageService } from "@heddle/contracts/heddle/usage/v1";
import { expect, test } from "vitest";
import { createLog } from "../observe/index.ts";
import { fakeTime } from "../testing/index.ts";
import { DRAIN_PERIOD_MS } from "./limits.ts";
import { createUsageReporter } from "./usage-reporter.ts";

const start = () => {
  const time = fakeTime();
  const lines: { level: string; msg: string }[] = [];
  const destination = { write: (line: string) => lines.push(JSON.parse(line)) };
  const log = createLog({ service: "order", level: "debug", clock: time.clock, destination });
  const reporter = createUsageReporter({ consumer: { name: "order", version: "1.2.0" }, timers: time.timers, log });
  const reports: ReportUsageRequest[] = [];
  const answers: (ConnectError | undefined)[] = [];
  const gateway = createRouterTransport(({ service }) => {
    service(UsageService, {
      reportUsage(report) {
        reports.push(report);
        const error = answers.shift();
        if (error !== undefined) throw error;
        return {};
      },
    });
  });
  const neighbour = createRouterTransport(({ service }) => {
    service(CustomerService, { getCustomer: () => ({}), updateCustomer: () => ({}), listCustomers: () => ({}) });
  });
  const customers = createClient(CustomerService, reporter.counting(neighbour));
  const period = async () => {
    await time.advance(DRAIN_PERIOD_MS);
    // A call within the process takes some turns.
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  return { time, reporter, reports, answers, gateway, customers, lines, period };
};
const told = ({ sequence, calls }: ReportUsageRequest) => [
  Number(sequence),
  ...calls.map(({ method, calls: times }) => [method, Number(times)]),
];
const GET = "customer.v1.CustomerService/GetCustomer";
const UPDATE = "customer.v1.CustomerService/UpdateCustomer";

test("calls are reported in batches, with the fields that they set, and nothing when nothing was called", async () => {
  const { reporter, reports, gateway, customers, period } = start();
  reporter.start("ins_1", gateway);
  await period();
  expect(reports).toEqual([]);
  await customers.getCustomer({ customerId: "cus_1" });
  await customers.getCustomer({ customerId: "cus_1" });
  await customers.updateCustomer({ customer: { email: "ada@example.com" } });
  await period();
  await period();
  expect(reports.map(told)).toEqual([[1, [GET, 2], [UPDATE, 1]]]);
  expect(reports[0]).toMatchObject({ instanceId: "ins_1", consumerName: "order", consumerVersion: "1.2.0" });
  expect(reports[0]?.calls[1]?.samples).toBe(1n);
  expect(reports[0]?.calls[1]?.fields.map(({ message }) => message)).toEqual([
    "customer.v1.UpdateCustomerRequest",
    "customer.v1.Customer",
  ]);
});

test("a report that did not arrive is sent again as it was, and what came meanwhile behind it", async () => {
  const { reporter, reports, answers, gateway, customers, period } = start();
  reporter.start("ins_1", gateway);
  answers.push(new ConnectError("away", Code.Unavailable));
  await customers.getCustomer({});
  await period();
  await customers.updateCustomer({});
  await period();
  expect(reports.map(told)).toEqual([
    [1, [GET, 1]],
    [1, [GET, 1]],
    [2, [UPDATE, 1]],
  ]);
});

test("a report that is refused for good is given up, with a line in the log", async () => {
  const { reporter, reports, answers, gateway, customers, lines, period } = start();
  reporter.start("ins_1", gateway);
  answers.push(new ConnectError("no", Code.PermissionDenied));
  await customers.getCustomer({});
  await period();
  await period();
  expect(reports).toHaveLength(1);
  expect(lines.map(({ msg }) => msg)).toEqual(["counted calls were refused"]);
});

test("what is left is reported at the end", async () => {
  const { reporter, reports, gateway, customers, time } = start();
  reporter.start("ins_1", gateway);
  await customers.getCustomer({});
  await reporter.stop();
  expect(reports.map(told)).toEqual([[1, [GET, 1]]]);
  expect(time.pending()).toBe(0);
});

test("a message that cannot be sent is counted, and fails its call as ever", async () => {
  const { reporter, customers, reports, gateway } = start();
  reporter.start("ins_1", gateway);
  const wrong = customers.listCustomers({ pageSize: "two" as unknown as number });
  await expect(wrong).rejects.toThrow(/int32/);
  await reporter.stop();
  expect(reports[0]?.calls).toMatchObject([{ calls: 1n, samples: 0n }]);
});
