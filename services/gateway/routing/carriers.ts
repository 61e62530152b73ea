import type { ConnectError, Transport } from "@connectrpc/connect";
import { logChanges } from "@heddle/mesh/discovery";
import type { Logger } from "@heddle/mesh/observe";
import type { RpcServer, WireChoice } from "@heddle/mesh/rpc";
import type { Runtime } from "@heddle/mesh/runtime";
import type { Mirrors } from "../mirror/mirrors.ts";
import { type Balancing, createBalancing } from "../registry/balancing.ts";
import type { Catalog } from "../registry/catalog.ts";
import type { Contracts } from "../registry/contracts.ts";
import type { Instances } from "../registry/instances.ts";
import { type Carrier, createCarrier } from "../relay/carry.ts";
import { EndlessCalls } from "../relay/endless-calls.ts";
import { createRelay } from "../relay/relay.ts";
import { createUpstreams } from "../relay/upstreams.ts";
import { cachedBackends } from "../replies/cached-backends.ts";
import { createSharedReplies, type SharedReplies } from "../replies/share-replies.ts";
import { faultyBackends } from "../traffic/faulty-backends.ts";
import type { Traffic } from "../traffic/traffic.ts";
import { type Backends, createBackends } from "../translate/backends.ts";
import { endingBackends } from "../translate/ending-backends.ts";
import { createTranslator, type Translator } from "../translate/translate.ts";
import { createMethodRoutes, type MethodRoutes } from "./method-routes.ts";

/** What takes calls to instances, all of it over the same connections. */
export interface Carriers {
  /** Which instance each call goes to. */
  readonly balancing: Balancing;
  readonly routes: MethodRoutes;
  /** gRPC, as it comes. */
  readonly carry: Carrier;
  /** gRPC of methods that declare `cache`. */
  readonly shared: SharedReplies;
  /** gRPC-Web, Connect and JSON. */
  readonly translator: Translator;
  /** Messages, whatever they were made of. */
  readonly backends: Backends;
  /** Ends the streams that would go on for ever: the gateway drains. */
  drain(reason: ConnectError): void;
  /** Closes every connection. */
  close(): void;
}

export const createCarriers = (options: {
  runtime: Runtime;
  instances: Instances;
  contracts: Contracts;
  catalog: Catalog;
  traffic: Traffic;
  mirrors: Mirrors;
  /** To what the gateway serves itself. */
  self: Transport;
  wire: WireChoice;
  /** Servers in this process, by address. */
  neighbours: ReadonlyMap<string, Pick<RpcServer, "connect">>;
  /** This gateway's own. */
  instanceId: string;
  /** Where it runs; empty where nobody has said. */
  locality: string;
  log: Logger;
}): Carriers => {
  const { runtime, instances, contracts, catalog, traffic, mirrors, self, wire, instanceId, locality, log } = options;
  const { clock, timers, ids } = runtime;
  const balancing = createBalancing({ instances, runtime, locality, changed: logChanges(log) });
  const routes = createMethodRoutes({ instances, contracts, balancing });
  const upstreams = createUpstreams(wire, runtime, options.neighbours);
  const relay = createRelay({ runtime, instanceId, upstreams });
  const carry = createCarrier({ routes, relay, timers, traffic, mirrors });
  const shared = createSharedReplies({ clock, timers, version: () => contracts.version(), carry, instanceId });
  const own = { isOwn: catalog.isOwn, transport: self };
  const plain = createBackends({ runtime, instances, routes, upstreams, traffic, mirrors, own, instanceId });
  const cached = cachedBackends(plain, { routes, traffic, replies: shared.replies, timers, instanceId });
  const streams = new EndlessCalls();
  const backends = endingBackends(faultyBackends(cached, { routes, traffic, timers }), streams);
  const translator = createTranslator({ contracts, backends, timers, ids, log });
  instances.watch(({ instance }) => {
    if (!instances.list().some(({ address }) => address === instance.address)) relay.forget(instance.address);
  });
  return {
    balancing,
    routes,
    carry,
    shared,
    translator,
    backends,
    drain(reason) {
      relay.drain(reason);
      streams.interrupt(reason);
    },
    close: () => relay.close(),
  };
};
