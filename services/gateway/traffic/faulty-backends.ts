import { methodPath } from "@heddle/mesh/contract";
import { faultyTransport } from "@heddle/mesh/policy";
import { SERVICE_HEADER } from "@heddle/mesh/rpc";
import type { Timers } from "@heddle/mesh/runtime";
import { planOf } from "../routing/call-plan.ts";
import type { MethodRoutes } from "../routing/method-routes.ts";
import type { Backends } from "../translate/backends.ts";
import type { Traffic } from "./traffic.ts";

/** Backends whose calls are befallen by the faults in force, before they get to a kept reply or an instance. */
export const faultyBackends = (
  backends: Backends,
  { traffic, routes, timers }: { traffic: Traffic; routes: Pick<MethodRoutes, "at">; timers: Timers },
): Backends => ({
  transportFor(method, call) {
    const { headers } = call;
    const transport = backends.transportFor(method, call);
    const route = routes.at(methodPath(method), headers.get(SERVICE_HEADER));
    const fault = route && traffic.of(planOf(headers), route, headers)?.fault();
    return fault === undefined ? transport : faultyTransport(transport, fault, timers);
  },
});
