import type { DescMethod } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import type { Code } from "@connectrpc/connect";
import type { Fault, HeaderMatch, HeaderRoute, Mirror, Rule, Split } from "@heddle/contracts/heddle/traffic/v1";
import { methodName } from "../contract/method-name.ts";
import { methodOptions } from "../contract/options.ts";
import type { Random } from "../runtime/index.ts";

/** The value of a call's header by its lower-case name. */
export type HeaderLookup = (name: string) => string | undefined;

/** What the rules in force say of calls. Pure: made anew whenever the rules have changed. */
export interface TrafficRules {
  /** True where there are none: nobody need look any further. */
  readonly isEmpty: boolean;
  /** What they say of the calls of a method with these headers to a service; undefined: nothing. */
  of(call: CallInView): CallRules | undefined;
}

/** Calls that are alike to every rule. */
export interface CallInView {
  readonly method: DescMethod;
  /** The name of the service that takes them, such as `order`; undefined while nobody does. */
  readonly service: string | undefined;
  readonly header: HeaderLookup;
}

/** What the rules say of calls that are alike. Each call draws for itself. */
export interface CallRules {
  /** The calls go where their header sends them, and not to what others are answered. */
  readonly isPinned: boolean;
  /**
   * The version that a call goes to, without a `v` before it; undefined: any. `isThere`: whether a version has an instance that takes
   * the call. One that has none gives its share to the others, in proportion.
   */
  version(random: Chance, isThere: (version: string) => boolean): string | undefined;
  /** What is done to a call on purpose; undefined: nothing. */
  fault(random: Chance): InjectedFault | undefined;
  /** The version that gets a copy of a call; undefined: none. */
  mirror(random: Chance): string | undefined;
}

/** What befalls a call. */
export interface InjectedFault {
  readonly ruleId: string;
  /** Milliseconds that it is held first. */
  readonly delayMs: number;
  /** What it then fails with; undefined: it goes on. */
  readonly abort: Code | undefined;
}

type Chance = Pick<Random, "below">;

/** `rules`: those in force, oldest first. Where several faults would hit a call the oldest does. */
export const compileRules = (rules: readonly Rule[]): TrafficRules => {
  const splits = new Map<string, Split>();
  const routes = new Map<string, HeaderRoute[]>();
  const mirrors = new Map<string, Mirror>();
  const faults: CompiledFault[] = [];
  for (const { id, action } of rules) {
    const kind = action?.kind;
    if (kind?.case === "split") splits.set(kind.value.service, kind.value);
    else if (kind?.case === "mirror") mirrors.set(kind.value.service, kind.value);
    else if (kind?.case === "headerRoute") append(routes, kind.value.service, kind.value);
    else if (kind?.case === "fault") faults.push(compileFault(id, kind.value));
  }
  return {
    isEmpty: rules.length === 0,
    of({ method, service = "", header }) {
      const name = methodName(method);
      const hitting = faults.filter(
        ({ target, match }) => (target === name || target === method.parent.typeName) && matches(match, header),
      );
      const route = routes.get(service)?.find((each) => matches(each.header, header));
      const split = splits.get(service);
      const mirror = mirrors.get(service);
      const mirrored = mirror !== undefined && isMirrored(mirror, method) ? mirror : undefined;
      if (hitting.length === 0 && route === undefined && split === undefined && mirrored === undefined)
        return undefined;
      return new RulesOfCall(hitting, route, split, mirrored);
    },
  };
};

/** A version as rules compare it: `v1.4.0` and `1.4.0` are the same. */
export const plainVersion = (version: string): string => (/^v\d/.test(version) ? version.slice(1) : version);

interface CompiledFault {
  readonly target: string;
  readonly match: HeaderMatch | undefined;
  readonly percent: number;
  readonly injected: InjectedFault;
}

class RulesOfCall implements CallRules {
  readonly #faults: readonly CompiledFault[];
  readonly #pinned: string | undefined;
  readonly #split: readonly { readonly version: string; readonly weight: number }[];
  readonly #mirror: { readonly version: string; readonly percent: number } | undefined;

  constructor(
    faults: readonly CompiledFault[],
    route: HeaderRoute | undefined,
    split: Split | undefined,
    mirror: Mirror | undefined,
  ) {
    this.#faults = faults;
    this.#pinned = route && plainVersion(route.version);
    this.#split = (split?.versions ?? []).map(({ version, weight }) => ({ version: plainVersion(version), weight }));
    this.#mirror = mirror && { version: plainVersion(mirror.version), percent: mirror.percent };
  }

  get isPinned(): boolean {
    return this.#pinned !== undefined;
  }

  version(random: Chance, isThere: (version: string) => boolean): string | undefined {
    if (this.#pinned !== undefined && isThere(this.#pinned)) return this.#pinned;
    let sum = 0;
    for (const { version, weight } of this.#split) if (weight > 0 && isThere(version)) sum += weight;
    if (sum === 0) return undefined;
    let left = random.below(sum);
    for (const { version, weight } of this.#split) {
      if (weight === 0 || !isThere(version)) continue;
      if (left < weight) return version;
      left -= weight;
    }
    return undefined;
  }

  fault(random: Chance): InjectedFault | undefined {
    for (const { percent, injected } of this.#faults) if (happens(percent, random)) return injected;
    return undefined;
  }

  mirror(random: Chance): string | undefined {
    const mirror = this.#mirror;
    return mirror !== undefined && happens(mirror.percent, random) ? mirror.version : undefined;
  }
}

const compileFault = (ruleId: string, { target, header, percent, delay, abortCode }: Fault): CompiledFault => ({
  target,
  match: header,
  percent,
  injected: {
    ruleId,
    delayMs: delay === undefined ? 0 : durationMs(delay),
    // The contract allows the codes of gRPC alone, which are Connect's.
    abort: abortCode === 0 ? undefined : (abortCode as Code),
  },
});

/** What is asked twice must have been asked once without harm, unless an operator says so in so many words. */
const isMirrored = ({ methods }: Mirror, method: DescMethod): boolean =>
  method.methodKind === "unary" &&
  (methodOptions(method).idempotency === "no-side-effects" || methods.includes(methodName(method)));

const matches = (match: HeaderMatch | undefined, header: HeaderLookup): boolean =>
  match === undefined || header(match.name) === match.value;

/** Shares are drawn to a ten-thousandth of a percent. */
const STEPS_PER_PERCENT = 10_000;

const happens = (percent: number, random: Chance): boolean =>
  percent >= 100 || random.below(100 * STEPS_PER_PERCENT) < percent * STEPS_PER_PERCENT;

const append = <T>(lists: Map<string, T[]>, key: string, item: T): void => {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
};
