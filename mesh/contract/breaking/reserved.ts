import type { FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import type { EnumNode, MessageNode } from "./contract-tree.ts";
import type { NumberRange } from "./number-ranges.ts";
import {
  ENUM_NUMBER_MAX,
  FIELD_NUMBER_MAX,
  holds,
  inclusive,
  MESSAGE_SET_NUMBER_MAX,
  merged,
  missing,
  rangesText,
} from "./number-ranges.ts";
import type { Report } from "./report.ts";
import { quoted } from "./report.ts";
import type { Place } from "./source-location.ts";

/** What an element has set aside, and where it stands. */
export interface Reserved {
  readonly fullName: string;
  readonly file: FileDescriptorProto;
  readonly place: Place | undefined;
  readonly ranges: readonly NumberRange[];
  readonly names: readonly string[];
  readonly numberMax: number;
}

export const reservedOfMessage = (message: MessageNode, place?: Place): Reserved => ({
  fullName: message.fullName,
  file: message.file,
  place,
  ranges: inclusive(message.proto.reservedRange),
  names: message.proto.reservedName,
  numberMax: message.proto.options?.messageSetWireFormat === true ? MESSAGE_SET_NUMBER_MAX : FIELD_NUMBER_MAX,
});

export const reservedOfEnum = (enumeration: EnumNode, place?: Place): Reserved => ({
  fullName: enumeration.fullName,
  file: enumeration.file,
  place,
  ranges: enumeration.proto.reservedRange,
  names: enumeration.proto.reservedName,
  numberMax: ENUM_NUMBER_MAX,
});

/** Reports each range of `before` of which a part is no longer set aside. */
export const reportLostRanges = (
  kind: "Reserved" | "Extension",
  before: Pick<Reserved, "ranges" | "numberMax">,
  after: Reserved,
  report: Report,
): void => {
  const held = merged(after.ranges);
  for (const range of before.ranges) {
    const lost = missing(range, held);
    if (lost.length === 0) continue;
    const was = rangesText([range], before.numberMax);
    const gone = rangesText(lost, before.numberMax);
    report({
      element: after.fullName,
      before: was,
      after: rangesText(held, after.numberMax),
      message: `${kind} range ${was} of ${after.fullName} lost ${gone}.`,
      place: after.place ?? { file: after.file.name },
    });
  }
};

/** Reports each name and each range of `before` that is no longer reserved. */
export const reportUnreserved = (before: Reserved, after: Reserved, report: Report): void => {
  reportLostRanges("Reserved", before, after, report);
  const names = new Set(after.names);
  for (const name of new Set(before.names)) {
    if (names.has(name)) continue;
    report({
      element: after.fullName,
      before: quoted(name),
      after: "",
      message: `The name ${quoted(name)} of ${after.fullName} is no longer reserved.`,
      place: after.place ?? { file: after.file.name },
    });
  }
};

export const reservesNumber = ({ ranges }: Reserved): ((number: number) => boolean) => {
  const held = merged(ranges);
  return (number) => holds(held, number);
};
