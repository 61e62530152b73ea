import { Code } from "@connectrpc/connect";
import { Health, HealthCheckResponse_ServingStatus as Status } from "@heddle/contracts/grpc/health/v1";
import { fail, reasons } from "../contract/fail.ts";
import { type Implementation, implementation } from "../rpc/index.ts";

export const SERVICE_UNKNOWN = reasons("grpc.health.v1")(
  "SERVICE_UNKNOWN",
  Code.NotFound,
  "{service} is not served here.",
);

/** Where the health service learns how services are. */
export interface HealthSource {
  /** The status of a service by its full name, "" for all; undefined for one that is not known. */
  status(service: string): Status | undefined;
  /** The names that `status` knows, beside "". */
  services(): readonly string[];
  /** Calls `changed` after any status may have changed, until the returned function is called. */
  watch(changed: () => void): () => void;
}

/** Health of one instance: all of its services serve, or none does. */
export interface InstanceHealth extends HealthSource {
  set(status: Status): void;
}

export const createInstanceHealth = (services: readonly string[]): InstanceHealth => {
  const watchers = new Set<() => void>();
  const known = new Set(["", ...services]);
  let current: Status = Status.NOT_SERVING;
  return {
    status: (service) => (known.has(service) ? current : undefined),
    services: () => services,
    watch(changed) {
      watchers.add(changed);
      return () => watchers.delete(changed);
    },
    set(status) {
      current = status;
      for (const changed of watchers) changed();
    },
  };
};

/** `grpc.health.v1.Health` over a source (gRPC health checking protocol). */
export const healthImplementation = (source: HealthSource): Implementation =>
  implementation(Health, {
    check({ service }) {
      const status = source.status(service);
      if (status === undefined) throw fail(SERVICE_UNKNOWN, { service });
      return { status };
    },
    list: () => ({
      statuses: Object.fromEntries(
        ["", ...source.services()].map((service) => [
          service,
          { status: source.status(service) ?? Status.SERVICE_UNKNOWN },
        ]),
      ),
    }),
    // Watch, unlike Check, answers an unknown name with SERVICE_UNKNOWN and goes on.
    async *watch({ service }, context) {
      let last: Status | undefined;
      let wake: () => void = () => undefined;
      const stop = source.watch(() => wake());
      const aborted = () => wake();
      context.signal.addEventListener("abort", aborted, { once: true });
      try {
        while (!context.signal.aborted) {
          const changed = new Promise<void>((resolve) => {
            wake = resolve;
          });
          const status = source.status(service) ?? Status.SERVICE_UNKNOWN;
          if (status !== last) {
            last = status;
            yield { status };
          } else {
            await changed;
          }
        }
      } finally {
        stop();
        context.signal.removeEventListener("abort", aborted);
      }
    },
  });

export { Status as ServingStatus };
