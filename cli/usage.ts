import { type Timestamp, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import {
  type DeprecatedUsage,
  type FieldUsage,
  type MethodUsage,
  UsageService,
} from "@heddle/contracts/heddle/usage/v1";
import { systemClock } from "@heddle/mesh/runtime";
import { gatewayTransport } from "./gateway-transport.ts";
import { pagesOf } from "./pages-of.ts";
import { orFailure } from "./rpc-failure.ts";
import type { Terminal } from "./terminal.ts";
import { DAY_MS } from "./units.ts";

/** Asks a mesh who uses what, page after page; an RPC that fails ends the command. */
export interface UsageQuery {
  methods(filter: { readonly package?: string; readonly method?: string }): Promise<MethodUsage[]>;
  fields(filter: { readonly message: string; readonly number: number }): Promise<FieldUsage[]>;
  deprecated(filter: { readonly package?: string }): Promise<DeprecatedUsage[]>;
}

/** Items of one page. */
const PAGE_SIZE = 200;
/** Items that are shown at most: more than that nobody reads, and a program asks for less at once. */
const ITEMS_MAX = 10_000;

export const usageOf = (
  gateway: string,
  { days, consumer = "" }: { readonly days: number; readonly consumer?: string | undefined },
  terminal: Terminal,
): UsageQuery => {
  const client = createClient(UsageService, gatewayTransport(gateway));
  const since: Timestamp = timestampFromMs(systemClock.nowMs() - (days - 1) * DAY_MS);
  const { method: rpc } = UsageService;

  const all = async <P extends { readonly nextPageToken: string }, T>(
    ask: (pageToken: string) => Promise<P>,
    itemsOf: (page: P) => readonly T[],
  ): Promise<T[]> => {
    const found: T[] = [];
    for await (const page of pagesOf(ask)) {
      found.push(...itemsOf(page));
      if (found.length >= ITEMS_MAX) break;
    }
    return found;
  };
  return {
    methods: (filter) =>
      all(
        (pageToken) => {
          const call = client.listMethodUsage({ ...filter, consumer, since, pageSize: PAGE_SIZE, pageToken });
          return orFailure(rpc.listMethodUsage, call, terminal);
        },
        ({ methods }) => methods,
      ),
    fields: (filter) =>
      all(
        (pageToken) => {
          const call = client.listFieldUsage({ ...filter, consumer, since, pageSize: PAGE_SIZE, pageToken });
          return orFailure(rpc.listFieldUsage, call, terminal);
        },
        ({ fields }) => fields,
      ),
    deprecated: (filter) =>
      all(
        (pageToken) => {
          const call = client.listDeprecatedUsage({ ...filter, since, pageSize: PAGE_SIZE, pageToken });
          return orFailure(rpc.listDeprecatedUsage, call, terminal);
        },
        ({ elements }) => elements,
      ),
  };
};
