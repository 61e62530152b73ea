import { systemTimers } from "@heddle/mesh/runtime";
import type { Mesh } from "./mesh.ts";

/** In what the view of a customer is not what the services say, once its events have had the time to arrive. */
export const wrongView = async ({ overviews }: Mesh, customerId: string): Promise<string[]> => {
  for (let tries = 1; ; tries++) {
    const { agrees, differences } = await overviews.checkCustomerOverview({ customerId });
    if (agrees) return [];
    if (tries === CHECKS_MAX) {
      const fields = differences.map(({ field }) => field).join(", ") || "nothing, but a source did not answer";
      return [`the view of ${customerId} differs from its sources in ${fields}`];
    }
    await systemTimers.sleep(CHECK_PERIOD_MS);
  }
};

const CHECKS_MAX = 100;
const CHECK_PERIOD_MS = 200;
