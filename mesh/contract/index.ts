export { applyUpdate } from "./apply-update.ts";
export { type CommonReasons, commonReasons } from "./common-reasons.ts";
export { describeDecodeError } from "./complete-malformed.ts";
export { describeError } from "./describe-error.ts";
export { type DescriptorSet, descriptorSetOf, parseDescriptorSet } from "./descriptor-set.ts";
export { checkEtag, etagOf } from "./etag.ts";
export { type FailOptions, fail, type Reason, reasons, type Values, type Violation } from "./fail.ts";
export { type MapErrorOptions, type MappedError, toRpcError } from "./map-error.ts";
export { nearestName } from "./nearest-name.ts";
export {
  type AccessOptions,
  assertAccessDeclared,
  type CacheOptions,
  type HedgeOptions,
  type MethodOptions,
  methodOptions,
} from "./options.ts";
export { nextPageToken, type Page, type PagedRequest, type PageSizes, pageOf, takePage } from "./page.ts";
export { type LogValue, REDACTED, redact } from "./redact.ts";
export { isSameRequest, replayOf, requestIdReused } from "./request-id.ts";
export { isSecret, isSensitive } from "./sensitivity.ts";
export { unknownMethod } from "./unknown-method.ts";
export { assertRulesCompile, createRequestValidator, type RequestValidator } from "./validate.ts";
