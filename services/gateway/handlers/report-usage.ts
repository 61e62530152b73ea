import { ConsumerKind, type UsageService } from "@heddle/contracts/heddle/usage/v1";
import type { Handler } from "@heddle/mesh/rpc";
import type { Usage } from "../usage/usage.ts";

/** Counts what a service has counted itself. */
export const reportUsage =
  ({ counting }: { counting: Usage }): Handler<typeof UsageService.method.reportUsage> =>
  async (request) => {
    const { consumerName, consumerVersion } = request;
    await counting.report(counting.consumers.named(ConsumerKind.DECLARED, consumerName, consumerVersion), request);
    return {};
  };
