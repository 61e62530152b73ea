import { ConsumerKind } from "@heddle/contracts/heddle/usage/v1";
import type { Caller } from "@heddle/mesh/identity";
import { CONSUMER_HEADER } from "@heddle/mesh/rpc";
import type { HeaderList } from "@heddle/mesh/wire";
import { CONSUMERS_MAX, HEADERS_KEPT_MAX } from "./limits.ts";
import type { Consumer } from "./usage-rows.ts";

/** Finds out which program calls, and keeps their number within bounds: one object per consumer. */
export interface Consumers {
  /** Who makes calls with these headers. */
  of(headers: HeaderList, caller: Caller): Consumer;
  /** The one of this name, or `other` when there are too many already. */
  named(kind: ConsumerKind, name: string, version: string): Consumer;
  /** Those that came when too many were known. */
  readonly other: Consumer;
}

/** `known`: those that are remembered from before. */
export const createConsumers = (known: Iterable<Consumer>): Consumers => {
  const consumers = new Map<string, Consumer>();
  const counts = { proven: 0, unproven: 0 };
  /** By who is proven to call, then by what the header says: two look-ups, and no text that is put together for them. */
  const byDeclaration = new Map<string, Map<string, Consumer>>();
  const byAgent = new Map<string, Map<string, Consumer>>();
  let kept = 0;

  const keep = (key: string, consumer: Consumer): Consumer => {
    counts[isProven(consumer) ? "proven" : "unproven"]++;
    consumers.set(key, consumer);
    return consumer;
  };
  const named = (kind: ConsumerKind, name: string, version: string): Consumer => {
    const key = `${kind} ${name}/${version}`;
    const found = consumers.get(key);
    if (found !== undefined) return found;
    const consumer = { kind, name, version };
    return counts[isProven(consumer) ? "proven" : "unproven"] < CONSUMERS_MAX ? keep(key, consumer) : other;
  };
  for (const { kind, name, version } of known) keep(`${kind} ${name}/${version}`, { kind, name, version });
  const other = consumers.get(OTHER_KEY) ?? keep(OTHER_KEY, { kind: ConsumerKind.OTHER, name: "other", version: "" });

  return {
    named,
    other,
    of(headers, caller) {
      const declared = headers.get(CONSUMER_HEADER);
      const said = declared ?? headers.get("user-agent") ?? "";
      const byProof = declared === undefined ? byAgent : byDeclaration;
      // No service is called so.
      const proof = caller.service ?? (caller.kind === "user" ? "a user" : "");
      const found = byProof.get(proof)?.get(said);
      if (found !== undefined) return found;
      const { kind, name, version } = consumerOf(headers, caller);
      const consumer = named(kind, name, version);
      // Callers choose how long it is; what is longer costs them a second look.
      if (said.length > HEADER_CHARACTERS_MAX) return consumer;
      if (kept >= HEADERS_KEPT_MAX) {
        byDeclaration.clear();
        byAgent.clear();
        kept = 0;
      }
      kept++;
      const byHeader = byProof.get(proof) ?? new Map<string, Consumer>();
      byProof.set(proof, byHeader.set(said, consumer));
      return consumer;
    },
  };
};

/** Whether a consumer's name is not of its own choice. */
export const isProven = ({ kind }: Consumer): boolean => kind === ConsumerKind.SERVICE;

/**
 * The program that calls: a service by its identity, else what the caller says of itself by `heddle-consumer`, else the first product
 * of its user agent. Nothing of a person.
 */
export const consumerOf = (headers: HeaderList, { kind, service }: Pick<Caller, "kind" | "service">): Consumer => {
  const declared = productOf(DECLARED, headers.get(CONSUMER_HEADER));
  if (service !== undefined) {
    const version = declared?.name === service ? declared.version : "";
    return { kind: ConsumerKind.SERVICE, name: service, version };
  }
  const product = declared ?? productOf(AGENT, headers.get("user-agent"));
  const { name, version } = browserOf(product) ?? product ?? { name: "unknown", version: "" };
  if (kind === "user") return { kind: ConsumerKind.USER, name, version };
  if (declared !== undefined) return { kind: ConsumerKind.DECLARED, name, version };
  return { kind: product === undefined ? ConsumerKind.UNKNOWN : ConsumerKind.AGENT, name, version };
};

interface Product {
  readonly name: string;
  readonly version: string;
}

const OTHER_KEY = `${ConsumerKind.OTHER} other/`;
/** All of the header: a name of at most 64 characters, and a version of at most 32. */
const DECLARED = /^([A-Za-z0-9][A-Za-z0-9._@-]{0,63})(?:\/([A-Za-z0-9._+-]{1,32}))?$/;
/** The first product of a user agent (RFC 9110, 10.1.5), whatever comes behind it. */
const AGENT = /^([A-Za-z0-9][A-Za-z0-9._@-]{0,63})(?:\/([A-Za-z0-9._+-]{1,32}))?(?=$|[\s;(,])/;
/** Characters of a header that are looked at. */
const HEADER_CHARACTERS_MAX = 256;

const productOf = (pattern: RegExp, header: string | undefined): Product | undefined => {
  const [, name, version = ""] = pattern.exec(header?.slice(0, HEADER_CHARACTERS_MAX) ?? "") ?? [];
  return name === undefined ? undefined : { name, version };
};

/** Every browser calls itself Mozilla 5.0, and what it says behind that tells of a person's machine. */
const browserOf = (product: Product | undefined): Product | undefined =>
  product?.name === "Mozilla" ? { name: "browser", version: "" } : undefined;
