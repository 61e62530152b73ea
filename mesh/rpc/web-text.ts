import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { wrapHandler } from "./wrap-handler.ts";

const TEXT = /^application\/grpc-web-text(\+proto)?(?:\s*;.*)?$/i;

/**
 * Adds gRPC-Web's text form to what a handler speaks: the same bytes in base64, for browsers whose XMLHttpRequest hands out text
 * while it comes (gRPC-Web's protocol, HTTP wire protocols). Each piece of an answer is padded by itself; pieces of a request
 * may be, too.
 */
export const speakWebText = (handler: UniversalHandler): UniversalHandler =>
  wrapHandler(handler, async (request) => {
    const text = TEXT.exec(request.header.get("content-type") ?? "");
    const { body } = request;
    if (text === null || body === null || typeof body !== "object" || !(Symbol.asyncIterator in body)) {
      return handler(request);
    }
    const header = new Headers(request.header);
    header.set("content-type", "application/grpc-web+proto");
    const response = await handler({ ...request, header, body: fromBase64(body) });
    if (response.header?.get("content-type")?.startsWith("application/grpc-web") !== true) return response;
    const answered = new Headers(response.header);
    answered.set("content-type", `application/grpc-web-text${text[1] ?? ""}`);
    return { ...response, header: answered, body: response.body && toBase64(response.body) };
  });

async function* toBase64(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const { buffer, byteOffset, byteLength } of body) {
    yield Buffer.from(Buffer.from(buffer, byteOffset, byteLength).toString("base64"), "latin1");
  }
}

async function* fromBase64(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let rest = "";
  for await (const chunk of body) {
    const text = rest + Buffer.from(chunk).toString("latin1");
    const whole = text.length - (text.length % 4);
    rest = text.slice(whole);
    if (whole > 0) yield decode(text.slice(0, whole));
  }
  if (rest !== "") yield decode(rest);
}

/** Four characters are three bytes; padding ends a piece, after which another may begin. */
const decode = (text: string): Uint8Array => {
  const pieces = text.match(/[^=]+={0,2}/g) ?? [];
  if (pieces.join("") !== text || !pieces.every((piece) => BASE64.test(piece))) {
    throw new ConnectError("protocol error: invalid base64", Code.InvalidArgument);
  }
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece, "base64")));
};

/** The last four characters may do without their padding. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;
