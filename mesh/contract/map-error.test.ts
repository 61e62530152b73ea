import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { errorToJson } from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { BadRequestSchema, ErrorInfoSchema } from "@heddle/contracts/google/rpc";
import { expect, test } from "vitest";
import type { Ids } from "../runtime/ids.ts";
import { fail, reasons } from "./fail.ts";
import { failureOf } from "./fixture-contract.ts";
import { toRpcError } from "./map-error.ts";

const ids: Ids = { next: (prefix) => `${prefix}_1`, uuid: () => "uuid" };
const map = (thrown: unknown) => toRpcError(thrown, { ids, domain: "order.v1" });
const failure = (thrown: unknown) =>
  failureOf(() => {
    throw map(thrown).error;
  });
const CUSTOMER_NOT_FOUND = reasons("customer.v1")(
  "CUSTOMER_NOT_FOUND",
  Code.NotFound,
  "Customer {customerId} does not exist.",
);

/** The error as the caller of another service's gRPC port gets it. */
const overTheWire = async (thrown: ConnectError): Promise<ConnectError> => {
  const transport = createRouterTransport(({ service }) => {
    service(CustomerService, { getCustomer: () => Promise.reject(thrown) });
  });
  return createClient(CustomerService, transport)
    .getCustomer({})
    .then(
      () => Promise.reject(new Error("the call succeeded")),
      (error: unknown) => ConnectError.from(error),
    );
};

test("an error made by fail is passed as it is", () => {
  const error = fail(CUSTOMER_NOT_FOUND, { customerId: "cus_1" });
  expect(map(error)).toEqual({ error });
});

test("an error of another hop keeps code, message and the bytes of its details, and loses its headers", async () => {
  const origin = fail(
    CUSTOMER_NOT_FOUND,
    { customerId: "cus_1" },
    { violations: [{ field: "customer_id", description: "no" }], retryDelayMs: 5 },
  );
  origin.metadata.set("x-internal", "secret");
  let error = origin;
  for (let hop = 0; hop < 3; hop++) error = map(await overTheWire(error)).error;
  expect(error).toMatchObject({ code: Code.NotFound, rawMessage: "Customer cus_1 does not exist." });
  expect([...error.metadata]).toEqual([]);
  const details = (e: ConnectError) => setTrailerStatus(new Headers(), e).get("grpc-status-details-bin");
  const plain = fail(
    CUSTOMER_NOT_FOUND,
    { customerId: "cus_1" },
    { violations: [{ field: "customer_id", description: "no" }], retryDelayMs: 5 },
  );
  expect(details(error)).toBe(details(plain));
  expect(errorToJson(error, undefined)).toEqual(errorToJson(plain, undefined));
});

test("details of a type that nobody here knows pass by too", async () => {
  const foreign = fail(CUSTOMER_NOT_FOUND, { customerId: "cus_1" });
  const wire = await overTheWire(foreign);
  wire.details.push({ type: "foreign.v1.Detail", value: new Uint8Array([1, 2, 3]) });
  wire.details.push({ type: BadRequestSchema.typeName, value: new Uint8Array([255]) });
  expect(map(wire).error.details.slice(1)).toEqual([
    { type: "foreign.v1.Detail", value: new Uint8Array([1, 2, 3]) },
    { type: "google.rpc.BadRequest", value: new Uint8Array([255]) },
  ]);
});

test.each([
  ["an Error", new Error("password=hunter2 at /srv/heddle")],
  ["a string", "hunter2"],
  ["nothing", undefined],
  ["an internal error of the library", new ConnectError("hunter2", Code.Internal)],
  ["an unknown error of another hop", new ConnectError("hunter2", Code.Unknown)],
  [
    "a reply that cannot be read",
    new ConnectError('cannot decode field a.B.c from JSON: expected string, got "hunter2"', Code.InvalidArgument),
  ],
  ["a broken protocol", new ConnectError("protocol error: hunter2", Code.InvalidArgument)],
  ["an error of the system", new ConnectError("hunter2", Code.NotFound, undefined, undefined, new Error("ENOENT"))],
])("%s becomes INTERNAL, and nothing of it is told", async (_, thrown) => {
  const mapped = map(thrown);
  expect(mapped.id).toBe("err_1");
  expect(mapped.error.cause).toBe(thrown);
  expect(await failure(thrown)).toEqual({
    code: "Internal",
    reason: "INTERNAL",
    domain: "order.v1",
    metadata: { errorId: "err_1" },
    message: "Internal error err_1.",
    fields: [],
    retryable: false,
  });
  const sent =
    JSON.stringify(errorToJson(mapped.error, undefined)) +
    JSON.stringify([...setTrailerStatus(new Headers(), mapped.error)]);
  expect(sent).not.toMatch(/hunter2/);
});

test("an internal error of another hop keeps the id under which it is in the log there", async () => {
  const upstream = toRpcError(new Error("disk"), {
    ids: { ...ids, next: () => "err_upstream" },
    domain: "customer.v1",
  });
  const mapped = map(await overTheWire(upstream.error));
  expect(mapped.id).toBeUndefined();
  expect(mapped.error.rawMessage).toBe("Internal error err_upstream.");
});

const named = (name: string) => Object.assign(new Error("of a signal"), { name });

test.each([
  [named("AbortError"), "Canceled", "CANCELLED"],
  [named("TimeoutError"), "DeadlineExceeded", "DEADLINE_EXCEEDED"],
  [new DOMException("aborted", "AbortError"), "Canceled", "CANCELLED"],
  [new ConnectError("the operation timed out", Code.DeadlineExceeded), "DeadlineExceeded", "DEADLINE_EXCEEDED"],
  [new ConnectError("gone", Code.Canceled), "Canceled", "CANCELLED"],
  [
    new ConnectError("message size 9 is larger than configured readMaxBytes 8", Code.ResourceExhausted),
    "ResourceExhausted",
    "MESSAGE_TOO_LARGE",
  ],
  [new ConnectError("no more", Code.ResourceExhausted), "ResourceExhausted", "RESOURCE_EXHAUSTED"],
  [new ConnectError("a.B.C is not implemented", Code.Unimplemented), "Unimplemented", "METHOD_UNKNOWN"],
  [new ConnectError("bad", Code.InvalidArgument), "InvalidArgument", "REQUEST_MALFORMED"],
  [new ConnectError("no", Code.PermissionDenied), "PermissionDenied", "PERMISSION_DENIED"],
])("%s gets the reason of its code", async (thrown, code, reason) => {
  expect(await failure(thrown)).toMatchObject({ code, reason, domain: "order.v1" });
});

test("an error without a reason keeps its own details", () => {
  const error = new ConnectError("no", Code.FailedPrecondition, undefined, [
    { desc: BadRequestSchema, value: { fieldViolations: [{ field: "a" }] } },
  ]);
  const mapped = map(error).error;
  expect(mapped.findDetails(ErrorInfoSchema)).toMatchObject([
    { reason: "FAILED_PRECONDITION", metadata: { message: "no" } },
  ]);
  expect(mapped.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field).toBe("a");
});

test("an ErrorInfo that cannot be read does not count as one", async () => {
  const error = new ConnectError("no", Code.NotFound);
  error.details.push({ type: ErrorInfoSchema.typeName, value: new Uint8Array([255]) });
  expect((await failure(error)).reason).toBe("NOT_FOUND");
});

test("a service that does not answer is UNAVAILABLE, without its address, and may be tried again", async () => {
  // Port 1 of the loopback: nobody listens.
  const client = createClient(CustomerService, createGrpcTransport({ baseUrl: "http://127.0.0.1:1" }));
  const thrown = await client.getCustomer({}).catch((error: unknown) => error);
  const sent = await failure(thrown);
  expect(sent).toMatchObject({ code: "Unavailable", reason: "UNAVAILABLE", retryable: true });
  expect(JSON.stringify(sent)).not.toContain("127.0.0.1");
});

test("a connection that broke in the middle of a call is UNAVAILABLE", async () => {
  const reset = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
  const thrown = new ConnectError("read ECONNRESET", Code.Aborted, undefined, undefined, reset);
  expect(await failure(thrown)).toMatchObject({ code: "Unavailable", retryable: true });
});
