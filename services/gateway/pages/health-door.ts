import { pathOf } from "@heddle/mesh/rpc";
import type { Timers } from "@heddle/mesh/runtime";
import type { Contracts } from "../registry/contracts.ts";
import type { Instances } from "../registry/instances.ts";
import type { Door } from "../routing/door.ts";
import { type Page, respondPage } from "./respond-page.ts";

/**
 * Health for what asks by HTTP: `/healthz` says that the process lives, `/readyz` whether every service that an instance has offered
 * since the gateway's start has one that takes calls, and else who is missing.
 */
export const healthDoor = ({
  contracts,
  instances,
  learning,
  timers,
}: {
  contracts: Pick<Contracts, "services">;
  instances: Pick<Instances, "serves" | "absence">;
  learning: () => boolean;
  timers: Timers;
}): Door => {
  const readiness = (): Page => {
    const missing = contracts
      .services()
      .flatMap((service) => {
        // A contract may have services that no instance offers, now or ever: nobody misses those.
        const why = instances.serves(service) ? undefined : instances.absence(service);
        return why === undefined ? [] : [{ service, why }];
      })
      .sort((a, b) => (a.service < b.service ? -1 : 1));
    if (learning()) return unready("the gateway has just started and waits for its instances", missing);
    if (missing.length > 0) return unready(`${missing.length} services have no instance that takes calls`, missing);
    return json(200, { ready: true });
  };
  const pages = new Map<string, () => Page>([
    ["/healthz", () => ({ fields: UNCACHED, type: "text/plain", body: OK })],
    ["/readyz", readiness],
  ]);

  return (stream, headers) => {
    const page = pages.get(pathOf(headers.get(":path") ?? "/"));
    if (page === undefined) return false;
    const method = headers.get(":method");
    const isRead = method === "GET" || method === "HEAD";
    respondPage(stream, headers, isRead ? page() : { status: 405, fields: ["allow", "GET, HEAD"] }, timers);
    return true;
  };
};

const OK = Buffer.from("ok\n");
const UNCACHED = ["cache-control", "no-store"];

const json = (status: number, value: unknown): Page => ({
  status,
  fields: UNCACHED,
  type: "application/json",
  body: Buffer.from(`${JSON.stringify(value)}\n`),
});

const unready = (why: string, missing: readonly { service: string; why: string }[]): Page =>
  json(503, { ready: false, why, missing });
