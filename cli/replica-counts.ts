import { usageFailure } from "./failure.ts";
import { REPLICAS_MAX } from "./rollout/control-messages.ts";
import { chosenServices } from "./services.ts";

/**
 * Processes by service of arguments such as `customer=3`.
 *
 * @throws Failure for a service that is not known, one that is named twice, and a number that is none.
 */
export const parseReplicaCounts = async (texts: readonly string[]): Promise<Record<string, number>> => {
  const counts: Record<string, number> = {};
  for (const text of texts) {
    const [, name, digits] = /^([^=]+)=(\d{1,4})$/.exec(text) ?? [];
    const count = Number(digits);
    if (name === undefined || count > REPLICAS_MAX)
      throw usageFailure(`"${text}" is no number of processes.`, `Write it like customer=3, at most ${REPLICAS_MAX}.`);
    await chosenServices([name]);
    if (counts[name] !== undefined) throw usageFailure(`${name} is named twice.`);
    counts[name] = count;
  }
  return counts;
};
