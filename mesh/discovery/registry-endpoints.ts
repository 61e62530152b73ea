import { createClient, type Transport } from "@connectrpc/connect";
import { RegistryService, type WatchResponse } from "@heddle/contracts/heddle/registry/v1";
import type { Logger } from "../observe/index.ts";
import type { Runtime, Timer } from "../runtime/index.ts";
import type { Endpoint, EndpointSource } from "./endpoint.ts";
import type { EndpointMemory } from "./endpoint-file.ts";
import { type Following, follow } from "./follow.ts";
import { createKnownInstances } from "./known-instances.ts";

/** Endpoints as a registry tells them. */
export interface RegistryEndpoints extends EndpointSource {
  /** Ends the stream, and keeps what is known. */
  stop(): void;
}

/** Services that a request of Watch may name; who wants more is told of all. */
const SERVICES_MAX = 256;
/** Milliseconds from a change until it is on the disk: what comes together is written once. */
const WRITE_DELAY_MS = 1_000;

type Changed = (endpoints: readonly Endpoint[]) => void;

/**
 * The endpoints of all services that somebody watches, by one stream of `RegistryService.Watch`. What was known last stays while the
 * registry is away; what `memory` holds is known from the start. Instances that are gone meanwhile are for the balancer to find out.
 */
export const registryEndpoints = (deps: {
  transport: Transport;
  memory: EndpointMemory | undefined;
  runtime: Pick<Runtime, "timers" | "random">;
  log: Logger;
}): RegistryEndpoints => {
  const { transport, memory, runtime, log } = deps;
  const { timers } = runtime;
  const client = createClient(RegistryService, transport);
  const known = createKnownInstances();
  const watchers = new Map<string, Set<Changed>>();
  let touched = new Set<string>();
  let isTelling = false;
  let writing: Timer | undefined;

  const wanted = () => (watchers.size > SERVICES_MAX ? [] : [...watchers.keys()]);

  if (memory !== undefined) known.recall(memory.read());

  const tell = () => {
    isTelling = false;
    const services = touched;
    touched = new Set();
    for (const service of services) {
      const ofService = watchers.get(service);
      if (ofService === undefined) continue;
      const endpoints = known.endpoints(service);
      for (const changed of ofService) changed(endpoints);
    }
  };
  const keep = () => {
    writing = undefined;
    try {
      memory?.write(known.list());
    } catch (error) {
      log.warn({ err: error }, "known endpoints were not written: a start without the gateway will not know them");
    }
  };
  /** Changes that come in one turn are told once: a thousand instances that come at once are no thousand lists. */
  const concern = (services: ReadonlySet<string>) => {
    if (services.size === 0) return;
    for (const service of services) touched.add(service);
    if (!isTelling) timers.afterTurn(tell);
    isTelling = true;
    if (memory !== undefined) writing ??= timers.after(WRITE_DELAY_MS, keep);
  };
  const hear = ({ body }: WatchResponse) => {
    if (body.case === "snapshot") {
      concern(known.snapshot(body.value.instances, body.value.learning));
    } else if (body.case === "change" && body.value.instance !== undefined) {
      concern(known.change(body.value.kind, body.value.instance));
    }
  };
  let following: Following | undefined;
  let isDue = false;
  let isStopped = false;
  /** In a turn of its own: clients are made together. */
  const ask = () => {
    isDue = false;
    if (following !== undefined) following.again();
    else if (!isStopped) {
      const open = (signal: AbortSignal) => client.watch({ services: wanted() }, { signal, timeoutMs: 0 });
      following = follow({ what: "registry", open, hear, runtime, log });
    }
  };

  return {
    watch(service, changed) {
      const ofService = watchers.get(service) ?? new Set();
      ofService.add(changed);
      if (!watchers.has(service)) {
        watchers.set(service, ofService);
        if (!isDue) timers.afterTurn(ask);
        isDue = true;
      }
      changed(known.endpoints(service));
      // The stream goes on to tell of a service that nobody watches any more: few are ever given up.
      return () => void ofService.delete(changed);
    },
    stop() {
      isStopped = true;
      following?.stop();
      if (writing === undefined) return;
      writing.cancel();
      keep();
    },
  };
};
