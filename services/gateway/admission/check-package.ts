import type { FileRegistry } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { CheckVerdict } from "@heddle/contracts/heddle/contract/v1";
import {
  breaksBetween,
  type ContractBreak,
  changesBetween,
  fieldNamed,
  methodName,
  methodsWith,
  parseDescriptorSet,
  undeclaredAccess,
} from "@heddle/mesh/contract";
import { ACCESS_UNDECLARED } from "../errors.ts";
import { STANDARD } from "../registry/contracts.ts";
import type { CallerQuery, CallerUse } from "./callers.ts";
import { VIOLATIONS_MAX, violationsOf } from "./refusal.ts";

/** Methods and callers that are named with one violation, as the contract says. */
const METHODS_MAX = 100;
const CALLERS_MAX = 100;

/** What would be decided over one package of a working tree, and whom each break would hit. */
export const checkPackage = async (
  name: string,
  inForce: { readonly hash: string; readonly bytes: Uint8Array } | undefined,
  offered: { readonly bytes: Uint8Array; readonly registry: FileRegistry },
  callersOf: (query: CallerQuery) => Promise<readonly CallerUse[]>,
) => {
  const silent = withoutAccess(name, offered.registry);
  if (inForce === undefined) {
    if (silent.length === 0) return { package: name, verdict: CheckVerdict.NEW };
    return { package: name, verdict: CheckVerdict.BREAKING, ...told(name, silent, []) };
  }
  const { registry: before } = parseDescriptorSet(inForce.bytes, "heddle.contract.v1");
  const breaks = breaksBetween(inForce.bytes, offered.bytes, name, "deleted");
  const isSame = breaks.length === 0 && changesBetween(before, offered.registry, name).length === 0;
  return {
    package: name,
    contractHash: inForce.hash,
    verdict:
      breaks.length + silent.length > 0
        ? CheckVerdict.BREAKING
        : isSame
          ? CheckVerdict.UNCHANGED
          : CheckVerdict.COMPATIBLE,
    ...told(
      name,
      [...breaks, ...silent],
      await Promise.all(breaks.slice(0, VIOLATIONS_MAX).map((each) => affected(before, name, each, callersOf))),
    ),
  };
};

/** What it would be refused for, as far as it is told, the first of them with whom they would hit. */
const told = (name: string, found: readonly ContractBreak[], hit: readonly Awaited<ReturnType<typeof affected>>[]) => ({
  violationCount: found.length,
  violations: violationsOf(name, found).map((violation, index) => ({ violation, ...hit[index] })),
});

/** Methods of a package that the registry does not take, because they do not say who may call them. */
const withoutAccess = (name: string, registry: FileRegistry): ContractBreak[] =>
  [...registry]
    .filter((type) => type.kind === "service")
    .filter(({ file, typeName }) => file.proto.package === name && !STANDARD.test(typeName))
    .flatMap((service) =>
      undeclaredAccess(service).map((method) => ({
        file: service.file.proto.name,
        line: undefined,
        element: `${service.typeName}.${method}`,
        rule: ACCESS_UNDECLARED.reason,
        message: `Method "${method}" of ${service.typeName} does not say who may call it.`,
        before: "",
        after: "",
      })),
    );

/** The methods that hold what breaks, and those who called them. */
const affected = async (
  registry: FileRegistry,
  packageName: string,
  { element }: ContractBreak,
  callersOf: (query: CallerQuery) => Promise<readonly CallerUse[]>,
) => {
  const holding = methodsWith(registry, packageName, element);
  const methods = holding.map(({ method }) => methodName(method));
  const field = holding.some(({ inRequest }) => inRequest) ? fieldNamed(registry, element) : undefined;
  const query = {
    methods,
    field: field && { message: field.parent.typeName, number: field.number },
  };
  const uses = methods.length === 0 ? [] : await callersOf(query);
  return {
    methods: methods.slice(0, METHODS_MAX),
    callers: uses.slice(0, CALLERS_MAX).map((use) => ({
      consumer: use.consumer,
      consumerVersion: use.consumerVersion,
      method: use.method,
      callCount: BigInt(use.calls),
      lastCallTime: timestampFromMs(use.lastTimeMs),
      ...(use.setsField === undefined ? {} : { setsField: use.setsField }),
    })),
  };
};
