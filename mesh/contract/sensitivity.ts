import type { DescField } from "@bufbuild/protobuf";
import { getOption } from "@bufbuild/protobuf";
import { Sensitivity, sensitive } from "@heddle/contracts/heddle/options/v1";

/** True when logs, traces, metrics and error messages must leave the field's value out. */
export const isSensitive = (field: DescField): boolean =>
  getOption(field, sensitive) !== Sensitivity.UNSPECIFIED || field.proto.options?.debugRedact === true;

/** True when the field's value must not be kept in plain text anywhere, not even within a record of the call. */
export const isSecret = (field: DescField): boolean => getOption(field, sensitive) === Sensitivity.SECRET;
