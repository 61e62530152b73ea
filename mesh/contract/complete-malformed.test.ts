import { gzipSync } from "node:zlib";
import type { DescMethod } from "@bufbuild/protobuf";
import { create, toBinary, toJsonString } from "@bufbuild/protobuf";
import { Code, ConnectError, createConnectRouter } from "@connectrpc/connect";
import { createAsyncIterable, type UniversalHandler } from "@connectrpc/connect/protocol";
import { errorFromJsonBytes } from "@connectrpc/connect/protocol-connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { compressionGzip } from "@connectrpc/connect-node";
import { AuthService } from "@heddle/contracts/auth/v1";
import { CreateCustomerRequestSchema, CustomerService } from "@heddle/contracts/customer/v1";
import { BadRequestSchema } from "@heddle/contracts/google/rpc";
import { OrderService } from "@heddle/contracts/order/v1";
import { SocialSecurityService } from "@heddle/contracts/socialsecurity/v1";
import { expect, test } from "vitest";
import { describeDecodeError } from "./complete-malformed.ts";
import { failureOf } from "./fixture-contract.ts";

const router = createConnectRouter({
  readMaxBytes: 500,
  acceptCompression: [compressionGzip],
  maxTimeoutMs: 60_000,
  jsonOptions: { ignoreUnknownFields: false },
});
for (const service of [CustomerService, OrderService, SocialSecurityService, AuthService]) router.service(service, {});

/** What Connect itself says to a request, before any code of ours runs, described by us. */
const refusalOf = async (method: DescMethod, body: string | Uint8Array, headers: Record<string, string>) => {
  const path = `/${method.parent.typeName}/${method.name}`;
  const header = new Headers(headers);
  const contentType = header.get("content-type") ?? "";
  const handler = router.handlers.find(
    (h: UniversalHandler) => h.requestPath === path && h.supportedContentType(contentType),
  );
  if (handler === undefined) throw new Error(`no handler for ${contentType}`);
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const response = await handler({
    httpVersion: "2",
    method: "POST",
    url: `http://localhost${path}`,
    header,
    body: createAsyncIterable([bytes]),
    signal: new AbortController().signal,
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body ?? createAsyncIterable<Uint8Array>([])) chunks.push(chunk);
  const error = contentType.includes("grpc")
    ? findTrailerError(response.trailer ?? new Headers())
    : errorFromJsonBytes(Buffer.concat(chunks), undefined, new ConnectError("no error in the answer"));
  if (error === undefined) throw new Error("the request was taken");
  const described = describeDecodeError(error, method);
  const violations = described
    .findDetails(BadRequestSchema)
    .flatMap(({ fieldViolations }) => fieldViolations.map(({ field, description }) => `${field}: ${description}`));
  return {
    ...(await failureOf(() => {
      throw described;
    })),
    violations,
  };
};

const json = (method: DescMethod, body: string) => refusalOf(method, body, { "content-type": "application/json" });
const proto = (method: DescMethod, body: Uint8Array, headers = {}) =>
  refusalOf(method, body, { "content-type": "application/proto", ...headers });
const grpc = (method: DescMethod, body: Uint8Array, headers = {}) =>
  refusalOf(method, body, { "content-type": "application/grpc+proto", ...headers });

const { createCustomer, updateCustomer } = CustomerService.method;
const { placeOrder, listOrders } = OrderService.method;

test.each([
  [createCustomer, '{"givenName": 5}', "given_name: must be a string"],
  [createCustomer, '{"givenName": "a", "given_name": "b"}', "given_name: is set more than once"],
  [createCustomer, '{"givenName": "a", "givenName": "b"}', "givenName: occurs more than once in one object"],
  [createCustomer, '{"address": {"city": true}}', "address.city: must be a string"],
  [createCustomer, '{"address": {"lines": "a"}}', "address.lines: must be a list, of which each item must be a string"],
  [createCustomer, '{"address": {"lines": ["a", 7]}}', "address.lines[1]: must be a string"],
  [createCustomer, '{"address": {"lines": [null]}}', "address.lines: must not hold null"],
  [createCustomer, '{"address": 3}', "address: must be an object"],
  [
    createCustomer,
    '{"birthDate": {"year": 2.5}}',
    "birth_date.year: must be a whole number from -2147483648 to 2147483647",
  ],
  [
    createCustomer,
    '{"givnName": "a"}',
    "givnName: is not a field of customer.v1.CreateCustomerRequest (did you mean givenName?)",
  ],
  [
    createCustomer,
    '{"address": {"cty": "a"}}',
    "address.cty: is not a field of customer.v1.PostalAddress (did you mean city?)",
  ],
  [createCustomer, '{"123-45-6789": 1}', ": it has a key that is not a field of customer.v1.CreateCustomerRequest"],
  [
    placeOrder,
    '{"lines": [{"quantity": "many"}]}',
    "lines[].quantity: must be a whole number from -2147483648 to 2147483647",
  ],
  [
    placeOrder,
    '{"lines": [{"unitPrice": {"minorUnits": 1.5}}]}',
    "lines[].unit_price.minor_units: must be a whole number of 64 bits, as a string or a number",
  ],
  [placeOrder, '{"lines": [4]}', "lines[]: must be an object"],
  [
    listOrders,
    '{"states": ["OPEN"]}',
    "states[]: must be one of ORDER_STATE_UNSPECIFIED, ORDER_STATE_PENDING, ORDER_STATE_CONFIRMED, ORDER_STATE_REJECTED, ORDER_STATE_CANCELLED, ORDER_STATE_FULFILLED",
  ],
  [
    updateCustomer,
    '{"updateMask": 5}',
    'update_mask: must be field names in lowerCamelCase such as "displayName,address.city"',
  ],
  [updateCustomer, '{"customer": {"birthDate": 5}}', "customer.birth_date: must be an object"],
  [createCustomer, '"a string"', ": it must be a JSON object"],
  [createCustomer, "[]", ": it must be a JSON object"],
  [createCustomer, "", ": it is not JSON"],
  [createCustomer, "garbage", ": it is not JSON"],
  [createCustomer, '{"givenName": "a",}', ": its JSON is broken at character 19"],
  [createCustomer, '{"givenName": "a', ": its JSON is broken at character 17"],
] as [DescMethod, string, string][])("%s refuses %s", async (method, body, violation) => {
  const refusal = await json(method, body);
  expect(refusal).toMatchObject({
    code: "InvalidArgument",
    reason: "REQUEST_MALFORMED",
    domain: method.parent.file.proto.package,
    violations: [violation],
  });
});

test("a value that could be in several fields is not blamed on one", async () => {
  const { violations } = await json(updateCustomer, '{"customer": {"createTime": "yesterday"}}');
  expect(violations).toEqual([
    ': customer.create_time or customer.update_time or customer.delete_time must be a time such as "2026-01-31T12:00:00Z" (RFC 3339)',
  ]);
});

test.each([
  '{"number": 123456789}',
  '{"number": {"a": 123456789}}',
  '{"number": [123456789]}',
  '{"number": "123456789" 5}',
  '{"number": "123456789',
  '{"number": 123456789x}',
  '{"number": "123456789", "number": "123456789"}',
  '{"123456789": "123456789"}',
  '{"customerId": "in JSON at position 123456789", }',
  "123456789",
  '"123456789 in JSON at position 123456789"',
])("a number is not echoed, however %s is wrong", async (body) => {
  const refusal = await json(SocialSecurityService.method.registerNumber, body);
  expect(refusal.reason).toBe("REQUEST_MALFORMED");
  expect(JSON.stringify(refusal)).not.toMatch(/12345/);
});

const bytes = toBinary(
  CreateCustomerRequestSchema,
  create(CreateCustomerRequestSchema, { givenName: "Ada", familyName: "L" }),
);
const envelope = (flags: number, data: Uint8Array, length = data.length) => {
  const framed = Buffer.alloc(5 + data.length);
  framed[0] = flags;
  framed.writeUInt32BE(length, 1);
  framed.set(data, 5);
  return framed;
};

test.each([
  ["a message that ends early", bytes.subarray(0, 3), ": its bytes end in the middle of a field"],
  ["a field number of zero", new Uint8Array([0, 0]), ": its bytes are not a customer.v1.CreateCustomerRequest"],
  [
    "a wire type that does not exist",
    new Uint8Array([0x0f]),
    ": its bytes are not a customer.v1.CreateCustomerRequest",
  ],
  ["a string that is no UTF-8", new Uint8Array([0x0a, 2, 0xc3, 0x28]), ": a string in it is not valid UTF-8"],
  ["a varint without an end", new Uint8Array(12).fill(0xff), ": its bytes are not a customer.v1.CreateCustomerRequest"],
])("%s is refused by Connect and by gRPC alike", async (_, body, violation) => {
  const expected = {
    code: "InvalidArgument",
    reason: "REQUEST_MALFORMED",
    domain: "customer.v1",
    violations: [violation],
  };
  expect(await proto(createCustomer, body)).toMatchObject(expected);
  expect(await grpc(createCustomer, envelope(0, body))).toMatchObject(expected);
});

test("a truncated frame is INVALID_ARGUMENT", async () => {
  expect(await grpc(createCustomer, envelope(0, bytes, 200))).toMatchObject({
    code: "InvalidArgument",
    reason: "REQUEST_MALFORMED",
    violations: [": it ends in the middle of a message"],
  });
  expect(await proto(createCustomer, bytes, { "content-length": "200" })).toMatchObject({
    violations: [`: its content-length is 200 bytes, but ${bytes.length} came`],
  });
});

test("no message and two messages are UNIMPLEMENTED, as gRPC asks", async () => {
  expect(await grpc(createCustomer, new Uint8Array())).toMatchObject({
    code: "Unimplemented",
    reason: "REQUEST_MALFORMED",
    violations: [": it holds no message, but the method takes one"],
  });
  const two = Buffer.concat([envelope(0, bytes), envelope(0, bytes)]);
  expect(await grpc(createCustomer, two)).toMatchObject({ code: "Unimplemented", reason: "REQUEST_MALFORMED" });
});

test("a message over the limit is RESOURCE_EXHAUSTED and says the limit, compressed or not", async () => {
  const large = toBinary(
    CreateCustomerRequestSchema,
    create(CreateCustomerRequestSchema, { givenName: "x".repeat(600) }),
  );
  const expected = { code: "ResourceExhausted", reason: "MESSAGE_TOO_LARGE", metadata: { limitBytes: "500" } };
  expect(await proto(createCustomer, large)).toMatchObject(expected);
  expect(await proto(createCustomer, gzipSync(large), { "content-encoding": "gzip" })).toMatchObject(expected);
  expect(await grpc(createCustomer, envelope(0, large))).toMatchObject(expected);
  expect(await grpc(createCustomer, envelope(1, gzipSync(large)), { "grpc-encoding": "gzip" })).toMatchObject(expected);
});

test("compression that is unknown, broken or unannounced is told apart", async () => {
  expect(await proto(createCustomer, bytes, { "content-encoding": "zstd" })).toMatchObject({
    code: "Unimplemented",
    reason: "COMPRESSION_UNKNOWN",
    metadata: { supported: "gzip" },
  });
  for (const compressed of [Buffer.from("not gzip"), gzipSync(bytes).subarray(0, 10)]) {
    expect(await proto(createCustomer, compressed, { "content-encoding": "gzip" })).toMatchObject({
      code: "InvalidArgument",
      violations: [": its compressed bytes cannot be decompressed"],
    });
  }
  expect(await grpc(createCustomer, envelope(1, bytes))).toMatchObject({
    code: "InvalidArgument",
    violations: [": a message is marked as compressed, but no compression is named"],
  });
});

test("timeouts that are none, or too long, are refused without repeating them", async () => {
  const refusal = await grpc(createCustomer, envelope(0, bytes), { "grpc-timeout": "soon" });
  expect(refusal).toMatchObject({ code: "InvalidArgument", violations: [": its timeout header is not a timeout"] });
  expect(await proto(createCustomer, bytes, { "connect-timeout-ms": "x" })).toMatchObject({
    reason: "REQUEST_MALFORMED",
  });
  expect(await proto(createCustomer, bytes, { "connect-timeout-ms": "60001" })).toMatchObject({
    violations: [": its timeout is more than 60000 ms"],
  });
});

test("an error that was described before is left as it is", () => {
  const described = describeDecodeError(new ConnectError("parse binary: premature EOF", Code.Internal), createCustomer);
  expect(describeDecodeError(described, createCustomer)).toBe(described);
});

test("a method without a handler stays UNIMPLEMENTED", async () => {
  const body = toJsonString(CreateCustomerRequestSchema, create(CreateCustomerRequestSchema));
  expect(await json(createCustomer, body)).toMatchObject({ code: "Unimplemented", reason: "METHOD_UNKNOWN" });
});

test("a text that nobody foresaw is still refused without an echo", async () => {
  const error = new ConnectError("invalid thing 123-45-6789", Code.InvalidArgument);
  const failure = await failureOf(() => {
    throw describeDecodeError(error, createCustomer);
  });
  expect(failure).toMatchObject({
    reason: "REQUEST_MALFORMED",
    message: "The request cannot be read: it is not a customer.v1.CreateCustomerRequest.",
  });
});
