export { applyUpdate } from "./apply-update.ts";
export { breaksBetween, type ContractBreak } from "./breaks-between.ts";
export { type ContractChange, type ContractElement, changesBetween } from "./changes-between.ts";
export { type CommonReasons, commonReasons } from "./common-reasons.ts";
export { describeDecodeError } from "./complete-malformed.ts";
export { describeError } from "./describe-error.ts";
export {
  type DescriptorSet,
  descriptorSetHash,
  descriptorSetOf,
  type PackageSet,
  packageSetsOf,
  parseDescriptorSet,
} from "./descriptor-set.ts";
export { checkEtag, etagOf } from "./etag.ts";
export { type FailOptions, fail, type Reason, reasons, type Values, type Violation } from "./fail.ts";
export { fileRegistryOf } from "./file-registry.ts";
export { type MapErrorOptions, type MappedError, toRpcError } from "./map-error.ts";
export { holdsContract, mergeContracts } from "./merge-contracts.ts";
export { methodName, methodPath } from "./method-name.ts";
export { fieldNamed, type MethodWith, methodsWith } from "./methods-with.ts";
export { nearestName } from "./nearest-name.ts";
export {
  type AccessOptions,
  assertAccessDeclared,
  type CacheOptions,
  type HedgeOptions,
  type MethodOptions,
  methodOptions,
  undeclaredAccess,
} from "./options.ts";
export { nextPageToken, type Page, type PagedRequest, type PageSizes, pageOf, takePage } from "./page.ts";
export { type LogValue, REDACTED, redact } from "./redact.ts";
export { nextSteps, nextVersion, violationLine } from "./refused-contract.ts";
export { relatedTypes } from "./related-types.ts";
export { isSameRequest, replayOf, requestIdReused } from "./request-id.ts";
export { isSecret, isSensitive } from "./sensitivity.ts";
export { unknownMethod } from "./unknown-method.ts";
export { assertRulesCompile, requestCheck } from "./validate.ts";
