import type { Admission } from "@heddle/contracts/heddle/contract/v1";
import { nextSteps, violationLine } from "@heddle/mesh/contract";
import type { Refusal } from "@heddle/mesh/discovery";
import type { Colors } from "./terminal.ts";

/** Why the mesh does not admit a version of a service. */
export interface ServiceRefusal extends Refusal {
  readonly service: string;
  readonly version: string;
}

/** Refusals by service and version: one of them may bring several packages that break callers. */
export const refusalsOf = (admissions: readonly Admission[]): ServiceRefusal[] =>
  [...Map.groupBy(admissions, ({ serviceName, serviceVersion }) => `${serviceName} ${serviceVersion}`).values()].map(
    (refused): ServiceRefusal => {
      const { serviceName = "", serviceVersion = "" } = refused[0] ?? {};
      return {
        service: serviceName,
        version: serviceVersion,
        message: `it would break callers of ${refused.map((each) => each.package).join(", ")}`,
        violations: refused.flatMap(({ violations }) => violations.map(violationLine)),
        nextSteps: refused.flatMap((each) => nextSteps(each.package, each.contractHash)),
      };
    },
  );

/** A refusal for a person: why, which rules, and what to do. */
export const refusalLines = (who: string, { message, violations, nextSteps }: Refusal, colors: Colors): string[] => [
  `${colors.red(who)} is refused: ${message}`,
  ...violations.map((violation) => `  ${violation}`),
  ...nextSteps.map((step) => `  ${colors.dim("next:")} ${step}`),
];
