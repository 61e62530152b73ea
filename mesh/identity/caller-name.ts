import type { Caller } from "./caller.ts";

/**
 * Whom calls are counted for: an identity where there is one, else the address that they come from. A network that has IPv6 has at
 * least a /64 of it (RFC 6177), so that all its addresses are one caller.
 */
export const callerName = ({ kind, id }: Caller, peer: string): string =>
  kind === "anonymous" ? `address ${networkOf(hostOf(peer))}` : `${kind} ${id}`;

const hostOf = (peer: string): string => {
  const colon = peer.lastIndexOf(":");
  const host = colon < 0 ? peer : peer.slice(0, colon);
  return host.replace(/^\[|\]$/g, "");
};

const networkOf = (host: string): string => {
  if (!host.includes(":")) return host;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host);
  if (mapped?.[1] !== undefined) return mapped[1];
  const [head = "", tail] = (host.split("%")[0] as string).toLowerCase().split("::");
  const before = head.split(":").filter((group) => group !== "");
  const after = (tail ?? "").split(":").filter((group) => group !== "");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array.from({ length: zeros }, () => "0"), ...after];
  return `${groups.slice(0, 4).join(":")}::/64`;
};
