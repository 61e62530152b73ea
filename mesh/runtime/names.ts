import { lookup, resolveSrv } from "node:dns/promises";
import type { Address } from "./network.ts";

/** The only way from names to addresses. */
export interface Names {
  /** The IP addresses of a host, as the machine knows them: its hosts file, then A and AAAA records. Rejects when there are none. */
  addresses(host: string): Promise<readonly string[]>;
  /** Where a service is, by its SRV records (RFC 2782), those of the lowest priority alone. Rejects when there are none. */
  services(name: string): Promise<readonly Address[]>;
}

/** What the operating system and its name server know. */
export const systemNames: Names = {
  addresses: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
  async services(name) {
    const records = await resolveSrv(name);
    const first = Math.min(...records.map(({ priority }) => priority));
    return records
      .filter(({ priority }) => priority === first)
      .map(({ name: host, port }) => ({ host: host.replace(/\.$/, ""), port }));
  },
};
