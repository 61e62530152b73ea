import { FeatureSet_JsonFormat } from "@bufbuild/protobuf/wkt";
import type { EnumNode, MessageNode } from "./contract-tree.ts";
import { featureOf } from "./features.ts";
import type { Report } from "./report.ts";
import { featurePlaceOf, type Place } from "./source-location.ts";

const JSON_FORMAT = 6;

/** Reports an enum or a message that no longer promises JSON. `features`: the path of its features from the node. */
export const reportJsonFormat = <N extends EnumNode | MessageNode>(
  { before, after, features, place }: { before: N; after: N; features: readonly number[]; place: Place },
  kind: "Enum" | "Message",
  report: Report,
): void => {
  const was = featureOf(before, "jsonFormat");
  const is = featureOf(after, "jsonFormat");
  const { ALLOW } = FeatureSet_JsonFormat;
  if (was !== ALLOW || is === ALLOW) return;
  report({
    element: after.fullName,
    before: FeatureSet_JsonFormat[was],
    after: FeatureSet_JsonFormat[is],
    message: `${kind} ${after.fullName} no longer promises JSON: json_format changed from ALLOW to ${FeatureSet_JsonFormat[is]}.`,
    place: featurePlaceOf(after.file, [...after.path, ...features], [JSON_FORMAT]) ?? place,
  });
};
