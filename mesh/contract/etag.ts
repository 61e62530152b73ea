import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { commonReasons } from "./common-reasons.ts";
import { fail } from "./fail.ts";
import { messageHash } from "./message-hash.ts";

/** Bytes of the hash that an etag shows: 96 bits, so that no two versions of one resource ever meet by chance. */
const ETAG_BYTES = 12;

/**
 * The etag of a resource (AIP-154): the same for equal content, another when any field but `etag` changed. Strong, opaque,
 * 16 characters.
 */
export const etagOf = <M extends DescMessage>(schema: M, message: MessageShape<M>): string =>
  messageHash(schema, message, WITHOUT_ETAG).toString("base64url", 0, ETAG_BYTES);

const WITHOUT_ETAG = { without: ["etag"] };

/**
 * Checks that the caller changes the version that it has read. An empty `expected` asks for no check (AIP-154).
 * Throws ABORTED `ETAG_MISMATCH` in the domain of the resource's package.
 */
export const checkEtag = (schema: DescMessage, expected: string, actual: string): void => {
  if (expected === "" || expected === actual) return;
  throw fail(commonReasons(schema.file.proto.package).ETAG_MISMATCH, { expected, actual });
};
