import { type CallRules, type InjectedFault, type LiveRules, plainVersion } from "@heddle/mesh/policy";
import type { Random } from "@heddle/mesh/runtime";
import type { HeaderList } from "@heddle/mesh/wire";
import type { CopyTo } from "../mirror/mirrors.ts";
import type { Instances } from "../registry/instances.ts";
import type { CallPlan } from "../routing/call-plan.ts";
import type { MethodRoute } from "../routing/method-route.ts";

/** What traffic rules say of the calls that come to this gateway. */
export interface Traffic {
  /** What they say of the calls of a method with these headers; undefined: nothing. Found out once for a list of headers. */
  of(plan: CallPlan, method: MethodRoute, headers: HeaderList): CallTraffic | undefined;
}

export const createTraffic = ({
  live,
  instances,
  random,
}: {
  readonly live: LiveRules;
  readonly instances: Pick<Instances, "watch">;
  readonly random: Pick<Random, "below">;
}): Traffic => {
  let version = 0;
  live.watch(() => {
    version++;
  });
  instances.watch(() => {
    // Which versions are there concerns rules alone.
    if (!live.rules.isEmpty) version++;
  });
  const prepare = (method: MethodRoute, headers: HeaderList): CallTraffic | undefined => {
    const candidates = method.candidates();
    const service = candidates[0]?.serviceName;
    const rules = live.rules.of({ method: method.method, service, header: (name) => headers.get(name) });
    const versions = new Set(candidates.map((each) => plainVersion(each.version)));
    return rules && new CallTraffic(rules, { service: service ?? "", versions }, random);
  };
  return {
    of(plan, method, headers) {
      if (plan.trafficVersion !== version) {
        plan.trafficVersion = version;
        plan.traffic = live.rules.isEmpty ? undefined : prepare(method, headers);
      }
      return plan.traffic;
    },
  };
};

/** What rules say of the calls with one list of headers. Each call draws for itself. */
export class CallTraffic {
  readonly #rules: CallRules;
  readonly #random: Pick<Random, "below">;
  readonly #service: string;
  readonly #isThere: (version: string) => boolean;

  /** `service`: the name of the one that takes the calls now; `versions`: of its instances. */
  constructor(
    rules: CallRules,
    { service, versions }: { readonly service: string; readonly versions: ReadonlySet<string> },
    random: Pick<Random, "below">,
  ) {
    this.#rules = rules;
    this.#service = service;
    this.#random = random;
    this.#isThere = (version) => versions.has(version);
  }

  /** The calls get no answers that others get. */
  get isPinned(): boolean {
    return this.#rules.isPinned;
  }

  /** The version that a call goes to; undefined: any. */
  version(): string | undefined {
    return this.#rules.version(this.#random, this.#isThere);
  }

  /** Where a call is copied to; undefined: nowhere. */
  mirror(): CopyTo | undefined {
    const version = this.#rules.mirror(this.#random);
    return version !== undefined && this.#isThere(version) ? { service: this.#service, version } : undefined;
  }

  /** What befalls a call on purpose. */
  fault(): InjectedFault | undefined {
    return this.#rules.fault(this.#random);
  }
}
