import type { Logger } from "../../observe/index.ts";
import type { EndpointReport } from "../balancer.ts";

/** For a balancer's `changed`: says in the log who gets no calls, why and for how long, and who gets them again. */
export const logChanges =
  (log: Logger) =>
  ({ endpoint, why, ejectedForMs }: EndpointReport): void => {
    const { serviceName, instanceId, address } = endpoint;
    const line = { serviceName, instanceId, address };
    if (ejectedForMs === undefined) log.info(line, "instance gets calls again");
    else log.warn({ ...line, why, forMs: Math.round(ejectedForMs) }, "instance gets no calls for a while");
  };
