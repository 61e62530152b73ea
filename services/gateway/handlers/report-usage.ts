import { ConsumerKind, type UsageService } from "@heddle/contracts/heddle/usage/v1";
import { fail } from "@heddle/mesh/contract";
import { currentCall, type Handler } from "@heddle/mesh/rpc";
import { CONSUMER_MISMATCH } from "../errors.ts";
import type { Usage } from "../usage/usage.ts";

/** Counts what a service has counted itself. */
export const reportUsage =
  ({ counting }: { counting: Pick<Usage, "report" | "consumers"> }): Handler<typeof UsageService.method.reportUsage> =>
  async (request) => {
    const { consumerName, consumerVersion } = request;
    const service = currentCall()?.caller.service;
    if (service !== undefined && service !== consumerName) throw fail(CONSUMER_MISMATCH, { service, consumerName });
    const kind = service === undefined ? ConsumerKind.DECLARED : ConsumerKind.SERVICE;
    await counting.report(counting.consumers.named(kind, consumerName, consumerVersion), request);
    return {};
  };
