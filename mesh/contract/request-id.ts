import type { DescField, DescMessage, DescMethod, MessageShape } from "@bufbuild/protobuf";
import { create, ScalarType, toBinary } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { ConnectError } from "@connectrpc/connect";
import type { Replay } from "../rpc/call.ts";
import { commonReasons } from "./common-reasons.ts";
import { fail } from "./fail.ts";
import { messageHash, withoutSecrets } from "./message-hash.ts";

const REQUEST_ID = "request_id";

/**
 * What the store needs to apply a mutation once (AIP-155), or undefined when the request carries no request id: its
 * message has no string field `request_id`, or the field is empty. Neither the hash nor the recorded reply holds secrets:
 * requests that differ in a secret alone count as the same.
 */
export const replayOf = (method: DescMethod, request: MessageShape<DescMessage>): Replay | undefined => {
  const field = requestIdField(method.input);
  if (field === undefined) return undefined;
  const requestId = reflect(method.input, request).get(field);
  if (typeof requestId !== "string" || requestId === "") return undefined;
  return {
    requestId,
    requestHash: messageHash(method.input, request, { without: [REQUEST_ID] }),
    // Secrets are never kept, so a repeated call gets its first reply without them.
    encodeReply: (reply) => toBinary(method.output, withoutSecrets(method.output, create(method.output, reply))),
    recorded: false,
  };
};

/** True when both hashes are of the same payload. */
export const isSameRequest = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** INVALID_ARGUMENT `REQUEST_ID_REUSED`: the request id was recorded with another payload. */
export const requestIdReused = (method: DescMethod, requestId: string): ConnectError =>
  fail(
    commonReasons(method.parent.file.proto.package).REQUEST_ID_REUSED,
    { requestId },
    { violations: [{ field: REQUEST_ID, description: "was used before with another payload; use a new one" }] },
  );

const fields = new WeakMap<DescMessage, DescField | null>();

/** The field by which a mutation is told from its repetition; undefined where the message has none. */
export const requestIdField = (input: DescMessage): DescField | undefined => {
  let field = fields.get(input);
  if (field === undefined) {
    field =
      input.fields.find((f) => f.name === REQUEST_ID && f.fieldKind === "scalar" && f.scalar === ScalarType.STRING) ??
      null;
    fields.set(input, field);
  }
  return field ?? undefined;
};
