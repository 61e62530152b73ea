import { connect as connectHttp2, constants } from "node:http2";
import { connect as connectSocket } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { CustomerService, GetCustomerRequestSchema } from "@heddle/contracts/customer/v1";
import { BadRequestSchema, ErrorInfoSchema } from "@heddle/contracts/google/rpc";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startMesh, type TestMesh } from "./mesh.ts";

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await startMesh(["customer"]);
});
afterAll(() => mesh.stop());

const ADA = { givenName: "Ada", familyName: "Lovelace" };
let nextName = 1;
const MISSING = `cus_${"0".repeat(26)}`;

/** Every way in: protocol and encoding, over HTTP/1.1 where the protocol allows. */
const ways = (baseUrl: string): [string, Transport][] => [
  ["gRPC", createGrpcTransport({ baseUrl })],
  ["gRPC-Web over HTTP/1.1", createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
  ["gRPC-Web over HTTP/2", createGrpcWebTransport({ baseUrl, httpVersion: "2" })],
  ["Connect over HTTP/1.1", createConnectTransport({ baseUrl, httpVersion: "1.1" })],
  ["Connect over HTTP/2", createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: true })],
  ["JSON", createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false })],
];

/** What an error told, whatever it came by. */
const told = (error: unknown) => {
  const { code, rawMessage, ...rest } = ConnectError.from(error);
  const found = Object.assign(new ConnectError(rawMessage, code), { details: rest.details });
  const info = found.findDetails(ErrorInfoSchema);
  return {
    code: Code[code],
    message: rawMessage,
    reasons: info.map(({ reason, domain, metadata }) => ({ reason, domain, metadata })),
    fields: found
      .findDetails(BadRequestSchema)
      .flatMap(({ fieldViolations }) => fieldViolations.map(({ field }) => field)),
  };
};

const failureOf = (call: Promise<unknown>) => call.then(() => expect.fail("the call succeeded"), told);

describe("bad input gets the same answer by every protocol", () => {
  type Ask = (client: ReturnType<typeof createClient<typeof CustomerService>>) => Promise<unknown>;
  const REQUEST_ID = "3f2b8a1e-5a0e-4d4c-9a93-0d9b1c6f7e21";
  const cases: [string, Ask, { code: string; reason: string; fields: string[] }][] = [
    [
      "a missing field",
      (client) => client.createCustomer({ ...ADA, email: "" }),
      { code: "InvalidArgument", reason: "VALIDATION_FAILED", fields: ["email"] },
    ],
    [
      "a value that breaks a rule",
      (client) => client.getCustomer({ customerId: "nobody" }),
      { code: "InvalidArgument", reason: "VALIDATION_FAILED", fields: ["customer_id"] },
    ],
    [
      "a resource that does not exist",
      (client) => client.getCustomer({ customerId: MISSING }),
      { code: "NotFound", reason: "CUSTOMER_NOT_FOUND", fields: [] },
    ],
    [
      "a page token that is none",
      (client) => client.listCustomers({ pageToken: "garbage" }),
      { code: "InvalidArgument", reason: "PAGE_TOKEN_INVALID", fields: ["page_token"] },
    ],
    [
      "a reused request id",
      async (client) => {
        await client.createCustomer({ ...ADA, email: "first@example.com", requestId: REQUEST_ID });
        await client.createCustomer({ ...ADA, email: "second@example.com", requestId: REQUEST_ID });
      },
      { code: "InvalidArgument", reason: "REQUEST_ID_REUSED", fields: ["request_id"] },
    ],
    [
      "a stale etag",
      async (client) => {
        const { customers } = await client.listCustomers({ email: "first@example.com" });
        const id = customers[0]?.id ?? "";
        await client.updateCustomer({ customer: { id, givenName: `Ada ${nextName++}` }, etag: "stale" });
      },
      { code: "Aborted", reason: "ETAG_MISMATCH", fields: [] },
    ],
    [
      "a message over the limit",
      (client) => client.createCustomer({ ...ADA, email: "a@example.com", phone: "1".repeat(5_000_000) }),
      { code: "ResourceExhausted", reason: "MESSAGE_TOO_LARGE", fields: [] },
    ],
  ];

  test.each(cases)("%s", async (_, ask, { code, reason, fields }) => {
    const answers = [];
    for (const [, transport] of ways(mesh.url))
      answers.push(await failureOf(ask(createClient(CustomerService, transport))));
    const [first] = answers;
    expect(first).toMatchObject({ code, reasons: [{ reason, domain: "customer.v1" }], fields });
    for (const answer of answers) expect({ ...answer, message: "" }).toEqual({ ...first, message: "" });
  });

  test("a deadline that is over", async () => {
    const { error } = await sendJson("customer.v1.CustomerService/ListCustomers", "{}", { "connect-timeout-ms": "0" });
    expect(error.code).toBe("deadline_exceeded");
    const whole = envelope(
      toBinary(GetCustomerRequestSchema, create(GetCustomerRequestSchema, { customerId: MISSING })),
    );
    const status = await sendGrpc(whole, { "grpc-timeout": "0m" });
    expect(told(status)).toMatchObject({
      code: "DeadlineExceeded",
      // The gateway sends on nothing whose answer could not come back in time.
      reasons: [{ reason: "DEADLINE_EXCEEDED", domain: "heddle.gateway" }],
    });
  });
});

/** Sends a body as it is, and returns the error that came back. */
const sendJson = async (path: string, body: string, headers: Record<string, string> = {}) => {
  const options = { method: "POST", headers: { "content-type": "application/json", ...headers }, body };
  const response = await fetch(`${mesh.url}/${path}`, options);
  return {
    status: response.status,
    error: (await response.json()) as { code: string; message: string; details: { type: string; debug: unknown }[] },
  };
};

describe("JSON that is not what the contract says", () => {
  const path = "customer.v1.CustomerService/CreateCustomer";
  test.each([
    ["a wrong type", '{"givenName":{"a":1}}', "given_name"],
    ["an unknown field", '{"givenNam":"Ada"}', "givenNam"],
    ["a nested wrong type", '{"address":{"lines":"x"}}', "address.lines"],
  ])("%s names the field", async (_, body, field) => {
    const { status, error } = await sendJson(path, body);
    expect(status).toBe(400);
    expect(error.code).toBe("invalid_argument");
    expect(error.details.map(({ type }) => type)).toEqual(["google.rpc.ErrorInfo", "google.rpc.BadRequest"]);
    expect(JSON.stringify(error.details[1]?.debug)).toContain(`"field":"${field}"`);
  });

  test("broken JSON is INVALID_ARGUMENT with details, and does not echo what was sent", async () => {
    const { error } = await sendJson(path, '{"givenName": "secret-value');
    expect(error.code).toBe("invalid_argument");
    expect(error.details).toHaveLength(2);
    expect(JSON.stringify(error)).not.toContain("secret-value");
  });

  test("a form, which is what curl sends unless told otherwise, is refused with the content types that are taken", async () => {
    const { status, error } = await sendJson(path, "{}", { "content-type": "application/x-www-form-urlencoded" });
    expect(status).toBe(415);
    expect(error.message).toContain("application/json");
    expect(JSON.stringify(error.details)).toContain("MEDIA_TYPE_UNSUPPORTED");
  });

  test("a GET of a method that changes something is refused with the verb that is taken", async () => {
    const response = await fetch(`${mesh.url}/${path}`, { headers: { "content-type": "application/json" } });
    expect(response.status).toBe(405);
    expect(JSON.stringify(await response.json())).toContain("VERB_NOT_ALLOWED");
  });

  test("an unknown method names the nearest one", async () => {
    const { status, error } = await sendJson("customer.v1.CustomerService/CreateCustomr", "{}");
    expect(status).toBe(501);
    expect(error.message).toContain("did you mean customer.v1.CustomerService/CreateCustomer?");
  });
});

/** Sends bytes as the body of a gRPC request and returns the status that came back. */
const sendGrpc = async (body: Uint8Array, headers: Record<string, string> = {}): Promise<ConnectError | undefined> => {
  const session = connectHttp2(mesh.url);
  try {
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: "POST",
      [constants.HTTP2_HEADER_PATH]: "/customer.v1.CustomerService/GetCustomer",
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    const status = new Promise<Headers>((resolve, reject) => {
      stream.on("error", reject);
      const take = (from: Record<string, unknown>) => {
        if (from["grpc-status"] !== undefined) resolve(headersOf(from));
      };
      stream.on("response", take);
      stream.on("trailers", take);
    });
    stream.resume();
    stream.end(body);
    return findTrailerError(await status);
  } finally {
    session.destroy();
  }
};

const headersOf = (from: Record<string, unknown>): Headers =>
  new Headers(
    Object.entries(from).flatMap(([name, value]) => (name.startsWith(":") ? [] : [[name, String(value)]])) as [
      string,
      string,
    ][],
  );

const envelope = (message: Uint8Array): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
};

describe("gRPC frames that are not what they should be", () => {
  const whole = envelope(toBinary(GetCustomerRequestSchema, create(GetCustomerRequestSchema, { customerId: MISSING })));

  test.each([
    ["garbage in a frame of the right length", envelope(Buffer.from("ffffffffffffffff", "hex")), "InvalidArgument"],
    ["a frame that ends early", whole.subarray(0, whole.length - 7), "InvalidArgument"],
    ["a head that ends early", whole.subarray(0, 3), "InvalidArgument"],
    ["a frame that claims 2 GiB", Buffer.from("007fffffff00", "hex"), "ResourceExhausted"],
    ["no message at all", Buffer.alloc(0), "Unimplemented"],
    ["a compressed frame without an encoding", Buffer.concat([Buffer.of(1), whole.subarray(1)]), "InvalidArgument"],
  ])("%s", async (_, body, code) => {
    const error = await sendGrpc(body);
    expect(Code[error?.code ?? 0]).toBe(code);
    expect(error?.findDetails(ErrorInfoSchema)).toHaveLength(1);
  });

  test("a deadline that cannot be read is refused, with details", async () => {
    const error = await sendGrpc(whole, { "grpc-timeout": "soon" });
    expect(Code[error?.code ?? 0]).toBe("InvalidArgument");
    expect(error?.findDetails(ErrorInfoSchema)).toHaveLength(1);
  });

  test("the connection that carried them still serves good calls", async () => {
    expect((await sendGrpc(whole))?.code).toBe(Code.NotFound);
  });
});

test("bytes that are no HTTP are refused, and the gateway goes on", async () => {
  const { port } = new URL(mesh.url);
  for (const bytes of [
    "\x16\x03\x01\x02\x00",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\ngarbage-frames-here",
    "\0".repeat(100),
  ]) {
    const socket = connectSocket(Number(port), "127.0.0.1");
    socket.on("error", () => undefined);
    socket.end(bytes);
    await new Promise((resolve) => socket.once("close", resolve).resume());
  }
  expect((await sendJson("customer.v1.CustomerService/GetCustomer", `{"customerId":"${MISSING}"}`)).status).toBe(404);
});
