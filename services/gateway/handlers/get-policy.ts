import type { DescMethod, DescService, MessageInitShape } from "@bufbuild/protobuf";
import { type Instance, ServingState } from "@heddle/contracts/heddle/registry/v1";
import type { Rule, TargetSchema, TrafficService } from "@heddle/contracts/heddle/traffic/v1";
import { methodName, methodPath } from "@heddle/mesh/contract";
import type { LiveRules } from "@heddle/mesh/policy";
import type { Handler, OverloadGuard } from "@heddle/mesh/rpc";
import type { Balancing } from "../registry/balancing.ts";
import { conditionOf } from "../registry/condition-of.ts";
import type { Contracts } from "../registry/contracts.ts";
import type { Instances } from "../registry/instances.ts";
import { describePolicy, overloadSetting } from "../traffic/describe-policy.ts";
import { targetNotFound } from "../traffic/target-not-found.ts";

/** Instances that are listed: more than that nobody reads. */
const TARGETS_MAX = 100;

/** Tells what is in force for a method, or for each method of a service, and why. */
export const getPolicy =
  (deps: {
    /** What the gateway serves itself. */
    own: readonly DescService[];
    contracts: Contracts;
    instances: Pick<Instances, "list">;
    balancing: Pick<Balancing, "describe">;
    ruleBook: { readonly live: LiveRules };
    overload: Pick<OverloadGuard, "describe">;
  }): Handler<typeof TrafficService.method.getPolicy> =>
  ({ target }) => {
    const { own, contracts, instances, balancing, ruleBook, overload } = deps;
    const methods = methodsOf(target, own, contracts);
    if (methods.length === 0) throw targetNotFound(target, contracts);
    const conditions = new Map(balancing.describe().map((report) => [report.endpoint.instanceId, conditionOf(report)]));
    return {
      policies: methods.map((method) => {
        const serving = instances.list().filter((instance) => isTarget(instance, method, contracts));
        const services = new Set(serving.map(({ serviceName }) => serviceName));
        return {
          method: methodName(method),
          settings: [...describePolicy(method), overloadSetting(overload.describe())],
          rules: ruleBook.live.list().filter((rule) => concerns(rule, method, services)),
          targets: serving
            .slice(0, TARGETS_MAX)
            .map((instance) => targetOf(instance, conditions.get(instance.instanceId))),
        };
      }),
    };
  };

const methodsOf = (target: string, own: readonly DescService[], contracts: Contracts): DescMethod[] => {
  const brought = Array.from(contracts.paths(), (path) => contracts.method(path)).filter((each) => each !== undefined);
  return [...own.flatMap(({ methods }) => methods), ...brought].filter(
    (method) => methodName(method) === target || method.parent.typeName === target,
  );
};

const isTarget = ({ state, packages }: Instance, method: DescMethod, contracts: Contracts): boolean =>
  state === ServingState.SERVING &&
  packages.some(
    ({ services, contractHash }) =>
      services.includes(method.parent.typeName) && contracts.has(contractHash, methodPath(method)),
  );

/** `services`: the names of those that take the method's calls. */
const concerns = ({ action }: Rule, method: DescMethod, services: ReadonlySet<string>): boolean => {
  const kind = action?.kind;
  if (kind?.case === undefined) return false;
  if (kind.case !== "fault") return services.has(kind.value.service);
  return kind.value.target === methodName(method) || kind.value.target === method.parent.typeName;
};

const targetOf = (
  { serviceName, version, instanceId, address }: Instance,
  condition = "",
): MessageInitShape<typeof TargetSchema> => ({
  service: serviceName,
  version,
  instanceId,
  address,
  condition,
});
