import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Instance, RegistryService, WatchResponseSchema } from "@heddle/contracts/heddle/registry/v1";
import type { Handler } from "@heddle/mesh/rpc";
import type { Change, Instances } from "../registry/instances.ts";
import type { Learning } from "../registry/learning.ts";

/** Changes that are kept for a watcher that reads slowly; past them it gets a snapshot instead. */
const CHANGES_MAX = 1_000;

/**
 * Sends what runs as one snapshot, then each change; a snapshot again when changes were too many to keep, and when the gateway is no
 * longer so new that it may not know all.
 */
export const watch = ({
  instances,
  learning,
}: {
  instances: Instances;
  learning: Learning;
}): Handler<typeof RegistryService.method.watch> =>
  async function* ({ services }, { signal }) {
    const wanted = new Set(services);
    const isWanted = (instance: Instance) =>
      wanted.size === 0 || instance.packages.some((offer) => offer.services.some((service) => wanted.has(service)));
    const snapshot = (): Response => ({
      body: { case: "snapshot", value: { instances: instances.list().filter(isWanted), learning: learning() } },
      sequence: instances.sequence(),
    });
    let kept: Change[] = [];
    let lost = false;
    let wake: () => void = () => undefined;
    // Before the snapshot is taken, so that nothing falls between the two.
    const stop = instances.watch((change) => {
      if (!isWanted(change.instance)) return;
      if (kept.length < CHANGES_MAX) kept.push(change);
      else lost = true;
      wake();
    });
    const stopLearning = learning.onEnd(() => {
      lost = true;
      wake();
    });
    const aborted = () => wake();
    signal.addEventListener("abort", aborted, { once: true });
    try {
      yield snapshot();
      while (!signal.aborted) {
        const changes = kept;
        kept = [];
        if (lost) {
          lost = false;
          yield snapshot();
          continue;
        }
        for (const { kind, instance, sequence } of changes) {
          yield { body: { case: "change", value: { kind, instance } }, sequence };
        }
        if (kept.length > 0 || lost) continue;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      signal.throwIfAborted();
    } finally {
      stop();
      stopLearning();
      signal.removeEventListener("abort", aborted);
    }
  };

type Response = MessageInitShape<typeof WatchResponseSchema>;
