import type { Random } from "../../runtime/index.ts";
import type { Balancer, Candidate } from "../balancer.ts";
import type { Endpoint } from "../endpoint.ts";
import type { Outcome } from "../outcome.ts";

/** The one of two, drawn by chance, that has fewer calls on their way. */
export const leastInFlight = (random: Random): Balancer => {
  let known = new Map<string, Counted>();
  let all: readonly Counted[] = [];
  return {
    update(endpoints) {
      const next = new Map<string, Counted>();
      for (const endpoint of endpoints) {
        next.set(endpoint.instanceId, known.get(endpoint.instanceId) ?? new Counted(endpoint));
      }
      known = next;
      all = [...next.values()];
    },
    pick(avoid = []) {
      const fresh = avoid.length === 0 ? all : all.filter(({ endpoint }) => !avoid.includes(endpoint.address));
      const among = fresh.length > 0 ? fresh : all;
      if (among.length < 2) return among[0];
      const one = among[random.below(among.length)];
      const other = among[random.below(among.length)];
      return one !== undefined && other !== undefined && other.calls < one.calls ? other : one;
    },
  };
};

class Counted implements Candidate {
  readonly endpoint: Endpoint;
  calls = 0;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
  }

  begin(): void {
    this.calls++;
  }

  answered(): void {}

  end(_outcome: Outcome): void {
    this.calls--;
  }
}
