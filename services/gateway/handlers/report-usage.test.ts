import { create } from "@bufbuild/protobuf";
import { ConsumerKind, type ReportUsageRequest, ReportUsageRequestSchema } from "@heddle/contracts/heddle/usage/v1";
import { ANONYMOUS, type Caller } from "@heddle/mesh/identity";
import { backgroundCall, runInCall } from "@heddle/mesh/rpc";
import { expectFailure } from "@heddle/mesh/testing";
import { expect, test } from "vitest";
import type { Consumer } from "../usage/usage-rows.ts";
import { reportUsage } from "./report-usage.ts";

const report = async (consumerName: string, caller: Partial<Caller>) => {
  const counted: Consumer[] = [];
  const handle = reportUsage({
    counting: {
      consumers: { named: (kind, name, version) => ({ kind, name, version }) },
      report: async (consumer) => void counted.push(consumer),
    },
  });
  const request: ReportUsageRequest = create(ReportUsageRequestSchema, { consumerName, consumerVersion: "1" });
  const call = Object.assign(backgroundCall(""), { caller: { ...ANONYMOUS, ...caller } });
  await runInCall(call, async () => handle(request, undefined as never));
  return counted;
};

test("a service that shows its identity reports for itself alone", async () => {
  const order = { kind: "service", id: "order", service: "order" } as const;
  expect(await report("order", order)).toEqual([{ kind: ConsumerKind.SERVICE, name: "order", version: "1" }]);
  expect(await expectFailure(report("billing", order))).toMatchObject({
    code: "PermissionDenied",
    reason: "CONSUMER_MISMATCH",
    metadata: { service: "order", consumerName: "billing" },
  });
});

test("where nobody has shown an identity, a report says itself whose it is", async () => {
  expect(await report("order", { kind: "local", id: "local" })).toEqual([
    { kind: ConsumerKind.DECLARED, name: "order", version: "1" },
  ]);
});
