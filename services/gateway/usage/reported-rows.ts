import type { DescMethod } from "@bufbuild/protobuf";
import type { ReportUsageRequest } from "@heddle/contracts/heddle/usage/v1";
import type { Contracts } from "../registry/contracts.ts";
import { reachableTypes } from "./reachable-types.ts";
import type { Consumer, UsageRow } from "./usage-rows.ts";

/** What a report adds; methods and fields that are in no contract in force are left out, so that names stay within bounds. */
export const reportedRows = (
  report: ReportUsageRequest,
  consumer: Consumer,
  contracts: Pick<Contracts, "method">,
  at: { readonly day: number; readonly timeMs: number },
): UsageRow[] =>
  report.calls.flatMap(({ method: name, calls, samples, fields }) => {
    const method = contracts.method(`/${name}`);
    if (method === undefined) return [];
    const known = fields.filter(({ message, number }) => canSet(method, message, number));
    const row: UsageRow = {
      ...at,
      consumer,
      method: name,
      calls: Number(calls),
      samples: Number(samples),
      refusals: [],
      fields: known.map(({ message, number, samplesWithField }) => ({
        message,
        number,
        samples: Number(samplesWithField),
      })),
    };
    return [row];
  });

const canSet = (method: DescMethod, message: string, number: number): boolean => {
  const type = reachableTypes(method.input).get(message);
  return type?.kind === "message" && type.fields.some((field) => field.number === number);
};
