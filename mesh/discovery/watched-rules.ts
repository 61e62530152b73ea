import { createClient, type Transport } from "@connectrpc/connect";
import { TrafficService } from "@heddle/contracts/heddle/traffic/v1";
import type { Logger } from "../observe/index.ts";
import { liveRules, type TrafficRules } from "../policy/index.ts";
import type { Runtime } from "../runtime/index.ts";
import { follow } from "./follow.ts";

/** The traffic rules in force, as the gateway tells them. */
export interface WatchedRules {
  /** As of now; those that were heard last, less what has expired, while the gateway is away. */
  readonly rules: TrafficRules;
  stop(): void;
}

/** Follows the gateway's traffic rules by `heddle.traffic.v1.TrafficService.WatchRules`. */
export const watchedRules = (deps: {
  transport: Transport;
  runtime: Pick<Runtime, "clock" | "timers" | "random">;
  log: Logger;
}): WatchedRules => {
  const { transport, runtime, log } = deps;
  const client = createClient(TrafficService, transport);
  const live = liveRules(runtime);
  const following = follow({
    what: "traffic rules",
    open: (signal) => client.watchRules({}, { signal, timeoutMs: 0 }),
    hear: ({ rules }) => live.replace(rules),
    runtime,
    log,
  });
  return {
    get rules() {
      return live.rules;
    },
    stop() {
      following.stop();
      live.stop();
    },
  };
};
