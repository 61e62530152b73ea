import { type Address, parseAddress } from "../runtime/index.ts";

/** Where instances are, as somebody has written it: at an address, at all those of a host, or where SRV records say. */
export type Place =
  | { readonly kind: "address"; readonly address: string }
  | { readonly kind: "host"; readonly at: Address }
  | { readonly kind: "srv"; readonly name: string };

/** Packages, and places of each, that may be written down. */
const PACKAGES_MAX = 100;
const PLACES_MAX = 1_000;

/**
 * The places of packages, by a text such as `customer.v1=10.0.0.1:4000,10.0.0.2:4000;order.v1=dns:order.internal:4000`. An address is
 * `host:port`, `dns:host:port` are all addresses of a host, `srv:name` is what its SRV records say.
 *
 * @throws TypeError that says what to write instead.
 */
export const parsePlaces = (text: string): ReadonlyMap<string, readonly Place[]> => {
  const places = new Map<string, readonly Place[]>();
  for (const entry of text.split(";").filter((part) => part.trim() !== "")) {
    const [name = "", list = "", ...more] = entry.split("=").map((part) => part.trim());
    if (!PACKAGE.test(name) || list === "" || more.length > 0)
      throw new TypeError(`"${entry.trim()}" is not like customer.v1=10.0.0.1:4000,dns:customer.internal:4000`);
    if (places.has(name)) throw new TypeError(`${name} stands there twice`);
    places.set(
      name,
      list.split(",").map((part) => placeOf(part.trim())),
    );
  }
  if (places.size > PACKAGES_MAX || [...places.values()].some(({ length }) => length > PLACES_MAX))
    throw new TypeError(`more than ${PACKAGES_MAX} packages, or ${PLACES_MAX} places of one`);
  return places;
};

const PACKAGE = /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$/;
const SRV_NAME = /^_[\w-]+\._tcp\.[\w.-]+$/;

const placeOf = (text: string): Place => {
  if (text.startsWith("dns:")) return { kind: "host", at: parseAddress(text.slice(4)) };
  if (!text.startsWith("srv:")) {
    parseAddress(text);
    return { kind: "address", address: text };
  }
  const name = text.slice(4);
  if (!SRV_NAME.test(name))
    throw new TypeError(`"${name}" is no name of SRV records, such as _grpc._tcp.order.internal`);
  return { kind: "srv", name };
};
