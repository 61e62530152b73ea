import type { TrafficService } from "@heddle/contracts/heddle/traffic/v1";
import type { LiveRules } from "@heddle/mesh/policy";
import type { Handler } from "@heddle/mesh/rpc";

/** Sends the rules in force, and again whenever they have changed: a slow reader misses what has been changed again since. */
export const watchRules = ({
  ruleBook: { live },
}: {
  ruleBook: { readonly live: LiveRules };
}): Handler<typeof TrafficService.method.watchRules> =>
  async function* (_, { signal }) {
    let wake: () => void = () => undefined;
    const stop = live.watch(() => wake());
    const aborted = () => wake();
    signal.addEventListener("abort", aborted, { once: true });
    try {
      while (!signal.aborted) {
        const { version } = live;
        yield { rules: [...live.list()] };
        if (signal.aborted || live.version !== version) continue;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      signal.throwIfAborted();
    } finally {
      stop();
      signal.removeEventListener("abort", aborted);
    }
  };
