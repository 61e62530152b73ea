import type { Endpoint } from "../endpoint.ts";

/**
 * The `size` endpoints that the caller named `key` keeps to, by rendezvous hashing (gRFC A68): the same for as long as they are there,
 * others for others, and each endpoint about as many callers as any other. An endpoint that goes is replaced by one, and no other
 * changes.
 */
export const subsetOf = (endpoints: readonly Endpoint[], size: number, key: string): readonly Endpoint[] => {
  if (endpoints.length <= size) return endpoints;
  return endpoints
    .map((endpoint) => ({ endpoint, rank: hash(`${key} ${endpoint.instanceId}`) }))
    .sort((a, b) => a.rank - b.rank || (a.endpoint.instanceId < b.endpoint.instanceId ? -1 : 1))
    .slice(0, size)
    .map(({ endpoint }) => endpoint);
};

/** FNV-1a over UTF-16 units, its bits mixed by MurmurHash3's last step: ids that differ in the end alone must not lie together. */
const hash = (text: string): number => {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
};
