import { ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import { systemTimers } from "../../mesh/runtime/index.ts";
import { ECHO_HEADER, ECHO_TRAILERS, type InteropService, type Order } from "./contract.ts";

/** What every server does that is written with Connect's types. */
export const interopHandlers: Partial<ServiceImpl<typeof InteropService>> = {
  async say({ order }, context) {
    echoMetadata(context);
    return { payload: await carryOut(order, context) };
  },
  async gather(requests, context) {
    echoMetadata(context);
    const payloads: Uint8Array[] = [];
    for await (const { order } of requests) payloads.push(await carryOut(order, context));
    return { payload: Buffer.concat(payloads) };
  },
  async *repeat({ order, count }, context) {
    echoMetadata(context);
    const payload = payloadOf(order);
    for (let sent = 0; sent < count; sent += 1) {
      await wait(order, context);
      yield { payload };
    }
    fail(order);
  },
  async *converse(requests, context) {
    echoMetadata(context);
    for await (const { order } of requests) yield { payload: await carryOut(order, context) };
  },
};

const carryOut = async (order: Order | undefined, context: HandlerContext): Promise<Uint8Array> => {
  await wait(order, context);
  fail(order);
  return payloadOf(order);
};

const wait = async (order: Order | undefined, { signal }: HandlerContext): Promise<void> => {
  if (order !== undefined && order.delayMs > 0) await systemTimers.sleep(order.delayMs, signal);
};

const fail = (order: Order | undefined): void => {
  if (order?.failure === undefined) return;
  const { message, code, details } = order.failure;
  const error = new ConnectError(message, code);
  error.details = details.map(({ typeUrl, value }) => ({ type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1), value }));
  throw error;
};

const payloadOf = (order: Order | undefined): Uint8Array => {
  const { payload = new Uint8Array(), paddingBytes = 0 } = order ?? {};
  return paddingBytes === 0 ? payload : Buffer.concat([payload, new Uint8Array(paddingBytes)]);
};

const echoMetadata = ({ requestHeader, responseHeader, responseTrailer }: HandlerContext): void => {
  const header = requestHeader.get(ECHO_HEADER);
  if (header !== null) responseHeader.set(ECHO_HEADER, header);
  for (const name of ECHO_TRAILERS) {
    const trailer = requestHeader.get(name);
    if (trailer !== null) responseTrailer.set(name, trailer);
  }
};
