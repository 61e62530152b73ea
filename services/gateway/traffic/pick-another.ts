import type { Candidate } from "@heddle/mesh/discovery";
import type { MethodRoute } from "../routing/method-route.ts";

/**
 * The instance of a call that goes to a version (undefined: any), another than those at the addresses to avoid, where there is one. A
 * call stays with its version while that has an instance where it was not yet.
 */
export const pickAnother = (
  { pick }: Pick<MethodRoute, "pick">,
  avoid: readonly string[] | undefined,
  version: string | undefined,
): Candidate | undefined => {
  const same = version === undefined ? undefined : pick(avoid, version);
  return same !== undefined && !avoid?.includes(same.endpoint.address) ? same : pick(avoid);
};
