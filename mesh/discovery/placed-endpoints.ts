import type { Logger } from "../observe/index.ts";
import { type Address, formatAddress, type Names, type Runtime, type Timer } from "../runtime/index.ts";
import type { Endpoint, EndpointSource } from "./endpoint.ts";
import type { Place } from "./place.ts";

/** Endpoints at places that somebody has written down. */
export interface PlacedEndpoints extends EndpointSource {
  /** Resolves no further name. */
  stop(): void;
}

/** Milliseconds between two looks at names; as gRPC's own resolver waits at least. */
export const RESOLVE_MS = 30_000;
/** Milliseconds to the next look where a name could not be resolved, or an endpoint could not be reached. */
export const RESOLVE_AGAIN_MS = 1_000;
/** Percent by which a look is later, so that many do not ask as one. */
const JITTER_PERCENT = 20;
/** Addresses of all places together. */
const ADDRESSES_MAX = 1_000;

/**
 * The endpoints at some places, the same for every service that is watched. Names are resolved from the first watch on, again every
 * half a minute, and soon where one fails; what was resolved last stays while that is so. Of these endpoints nothing is known but
 * where they are.
 */
export const placedEndpoints = (
  places: readonly Place[],
  deps: { names: Names; runtime: Pick<Runtime, "clock" | "timers" | "random">; log: Logger },
): PlacedEndpoints => {
  const { names, runtime, log } = deps;
  const { clock, timers, random } = runtime;
  const watchers = new Set<(endpoints: readonly Endpoint[]) => void>();
  const resolved = new Map<Place, readonly string[]>();
  for (const place of places) if (place.kind === "address") resolved.set(place, [place.address]);
  const named = places.filter(({ kind }) => kind !== "address");
  let endpoints = endpointsAt(resolved);
  let next: Timer | undefined;
  let nextAtMs = Number.POSITIVE_INFINITY;
  let isResolving = false;
  let isStopped = false;

  const addressesOf = async (place: Place): Promise<readonly string[]> => {
    if (place.kind === "address") return [place.address];
    const at = place.kind === "host" ? [place.at] : await names.services(place.name);
    const all = await Promise.all(at.map(({ host, port }) => addressesAt(names, { host, port })));
    return all.flat();
  };
  const resolve = async () => {
    isResolving = true;
    let isWell = true;
    for (const place of named) {
      try {
        resolved.set(place, await addressesOf(place));
      } catch (error) {
        isWell = false;
        log.warn({ err: error, place }, "name not resolved: what it was last stays in force");
      }
    }
    isResolving = false;
    if (isStopped) return;
    const now = endpointsAt(resolved);
    if (now.map(({ address }) => address).join() !== endpoints.map(({ address }) => address).join()) {
      endpoints = now;
      for (const changed of watchers) changed(endpoints);
    }
    resolveIn(isWell ? RESOLVE_MS : RESOLVE_AGAIN_MS);
  };
  const resolveIn = (delayMs: number) => {
    next?.cancel();
    const laterMs = (delayMs * (100 + random.below(JITTER_PERCENT + 1))) / 100;
    nextAtMs = clock.monotonicMs() + laterMs;
    next = timers.after(laterMs, () => void resolve());
  };

  return {
    watch(_, changed) {
      const isFirst = watchers.size === 0 && next === undefined && !isResolving;
      watchers.add(changed);
      changed(endpoints);
      if (isFirst && named.length > 0) void resolve();
      return () => void watchers.delete(changed);
    },
    doubt() {
      const soonMs = clock.monotonicMs() + RESOLVE_AGAIN_MS;
      if (named.length > 0 && !isResolving && !isStopped && nextAtMs > soonMs + RESOLVE_AGAIN_MS)
        resolveIn(RESOLVE_AGAIN_MS);
    },
    stop() {
      isStopped = true;
      next?.cancel();
    },
  };
};

const addressesAt = async (names: Names, { host, port }: Address): Promise<readonly string[]> =>
  (await names.addresses(host)).map((address) => formatAddress({ host: address, port }));

const endpointsAt = (resolved: ReadonlyMap<Place, readonly string[]>): readonly Endpoint[] =>
  [...new Set([...resolved.values()].flat())]
    .sort()
    .slice(0, ADDRESSES_MAX)
    .map((address) => ({ instanceId: address, address, serviceName: "", version: "", locality: "" }));
