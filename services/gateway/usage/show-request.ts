import { create, type DescMessage, type DescMethod, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { RequestSampler } from "../edge/edge.ts";

/** Shows the request of a call that was translated to whoever looks at some of them. */
export const showRequest = (
  sampler: RequestSampler,
  method: DescMethod,
  request: MessageInitShape<DescMessage>,
): void => {
  let bytes: Uint8Array;
  try {
    bytes = toBinary(method.input, create(method.input, request));
  } catch {
    // The call itself says what is wrong with its message.
    return;
  }
  sampler.look(bytes);
};
