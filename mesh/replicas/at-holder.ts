import type { Message } from "@bufbuild/protobuf";
import { type CallOptions, createClient, type HandlerContext, type Transport } from "@connectrpc/connect";
import { currentCall } from "../rpc/call.ts";
import type { Implementation } from "../rpc/implementation.ts";
import type { Replicas } from "./replicas.ts";

/** Says that a replica has passed a call on, so that it is not passed on again. */
const PASSED_ON_HEADER = "heddle-passed-on";

type Unary = (request: Message, context: HandlerContext) => Message | Promise<Message>;
type UnaryClient = Readonly<Record<string, (request: Message, options: CallOptions) => Promise<Message>>>;

/**
 * An implementation of unary calls with each answered by the replica that holds the lease `name`, which alone knows how its work
 * stands: here where this is the one, else there. A call that was passed on is answered where it comes.
 */
export const atHolder = (
  { service, handlers }: Implementation,
  name: string,
  replicas: Pick<Replicas, "holderOf">,
  transportTo: (address: string) => Transport,
): Implementation => {
  let last: { readonly address: string; readonly client: UnaryClient } | undefined;
  const clientOf = (address: string): UnaryClient => {
    if (last?.address !== address)
      last = { address, client: createClient(service, transportTo(address)) as unknown as UnaryClient };
    return last.client;
  };
  const passOn =
    (method: string, handle: Unary): Unary =>
    async (request, context) => {
      const holder = context.requestHeader.has(PASSED_ON_HEADER) ? undefined : await replicas.holderOf(name);
      const there = holder?.at === "other" ? clientOf(holder.address)[method] : undefined;
      if (there === undefined) return handle(request, context);
      const reply = await there(request, { headers: { [PASSED_ON_HEADER]: "1" } });
      // The reply to a request id is recorded there, in the store of both.
      const replay = currentCall()?.replay;
      if (replay !== undefined) replay.recorded = true;
      return reply;
    };
  return {
    service,
    handlers: Object.fromEntries(
      Object.entries(handlers).map(([method, handle]) => [method, passOn(method, handle as unknown as Unary)]),
    ) as unknown as Implementation["handlers"],
  };
};
