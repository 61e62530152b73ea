import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { RegistryService, type WatchResponse } from "@heddle/contracts/heddle/registry/v1";
import type { Logger } from "../observe/index.ts";
import { backgroundCall, runInCall } from "../rpc/index.ts";
import type { Runtime, Timer } from "../runtime/index.ts";
import { createReturn } from "./come-back.ts";
import type { Endpoint, EndpointSource } from "./endpoint.ts";
import type { EndpointMemory } from "./endpoint-file.ts";
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
  const comeBack = createReturn(runtime);
  const stopped = new AbortController();
  /** Ends the stream that asks for fewer services than are wanted by now. */
  let asking: AbortController | undefined;
  let touched = new Set<string>();
  let isTelling = false;
  let writing: Timer | undefined;

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
      comeBack.reached();
      concern(known.snapshot(body.value.instances, body.value.learning));
    } else if (body.case === "change" && body.value.instance !== undefined) {
      concern(known.change(body.value.kind, body.value.instance));
    }
  };
  const follow = async () => {
    while (!stopped.signal.aborted) {
      const round = new AbortController();
      asking = round;
      const services = watchers.size > SERVICES_MAX ? [] : [...watchers.keys()];
      const signal = AbortSignal.any([stopped.signal, round.signal]);
      try {
        for await (const response of client.watch({ services }, { signal, timeoutMs: 0 })) hear(response);
      } catch (error) {
        const { code, rawMessage } = ConnectError.from(error);
        if (!signal.aborted) log.debug({ code: Code[code], reason: rawMessage }, "registry not watched");
      }
      if (!round.signal.aborted) await timers.sleep(comeBack.nextMs(), stopped.signal).catch(() => undefined);
    }
  };
  let isFollowing = false;
  let isDue = false;
  /** Nobody's call: it must not end with the one that made the first client. In a turn of its own: clients are made together. */
  const ask = () => {
    isDue = false;
    if (isFollowing) asking?.abort();
    else if (!stopped.signal.aborted) {
      isFollowing = true;
      void runInCall(backgroundCall(""), follow);
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
      stopped.abort();
      if (writing === undefined) return;
      writing.cancel();
      keep();
    },
  };
};
