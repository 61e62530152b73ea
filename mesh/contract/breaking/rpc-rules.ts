import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import type { MethodNode, ServiceNode } from "./contract-tree.ts";
import { methodsOf, typeNameOf } from "./contract-tree.ts";
import type { PairRule, Report } from "./report.ts";
import { nodePlaceOf, placeOf } from "./source-location.ts";

const INPUT_TYPE = 2;
const OUTPUT_TYPE = 3;
const IDEMPOTENCY_LEVEL = [4, 34];

const idempotencyOf = ({ proto }: MethodNode): string =>
  MethodOptions_IdempotencyLevel[proto.options?.idempotencyLevel ?? MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN];

const streamingWords = (streams: boolean): string => (streams ? "a stream" : "one message");

/** Reports a property of a method that is not what it was. */
const reportChanged = (
  after: MethodNode,
  what: string,
  [was, is]: readonly [string, string],
  path: readonly number[],
  report: Report,
): void => {
  if (was === is) return;
  report({
    element: after.fullName,
    before: was,
    after: is,
    message: `RPC ${after.fullName} changed its ${what} from ${was} to ${is}.`,
    place: placeOf(after.file, [...after.path, ...path]) ?? { file: after.file.name },
  });
};

export const SERVICE_RULES = {
  RPC_NO_DELETE: (before, after, report) => {
    const kept = methodsOf(after);
    for (const [name, method] of methodsOf(before)) {
      if (kept.has(name)) continue;
      report({
        element: method.fullName,
        before: `rpc ${name}(${typeNameOf(method.proto.inputType)}) returns (${typeNameOf(method.proto.outputType)})`,
        after: "",
        message: `RPC "${name}" of ${after.fullName} was deleted.`,
        place: nodePlaceOf(after) ?? { file: after.file.name },
      });
    }
  },
} satisfies Record<string, PairRule<ServiceNode>>;

export const METHOD_RULES = {
  RPC_SAME_REQUEST_TYPE: (before, after, report) => {
    const types = [typeNameOf(before.proto.inputType), typeNameOf(after.proto.inputType)] as const;
    reportChanged(after, "request", types, [INPUT_TYPE], report);
  },

  RPC_SAME_RESPONSE_TYPE: (before, after, report) => {
    const types = [typeNameOf(before.proto.outputType), typeNameOf(after.proto.outputType)] as const;
    reportChanged(after, "response", types, [OUTPUT_TYPE], report);
  },

  RPC_SAME_CLIENT_STREAMING: (before, after, report) => {
    const words = [streamingWords(before.proto.clientStreaming), streamingWords(after.proto.clientStreaming)] as const;
    reportChanged(after, "requests", words, [], report);
  },

  RPC_SAME_SERVER_STREAMING: (before, after, report) => {
    const words = [streamingWords(before.proto.serverStreaming), streamingWords(after.proto.serverStreaming)] as const;
    reportChanged(after, "responses", words, [], report);
  },

  RPC_SAME_IDEMPOTENCY_LEVEL: (before, after, report) => {
    reportChanged(after, "idempotency_level", [idempotencyOf(before), idempotencyOf(after)], IDEMPOTENCY_LEVEL, report);
  },
} satisfies Record<string, PairRule<MethodNode>>;
