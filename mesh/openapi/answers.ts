import type { DescMethod } from "@bufbuild/protobuf";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { HTTP_STATUS } from "../rest/index.ts";
import type { Comments } from "./comments.ts";
import { type Failure, failuresOf } from "./failures.ts";
import type { JsonObject } from "./json.ts";

/** The form that errors have: google.rpc.Status over REST, Connect's on the paths of RPCs. */
export type ErrorForm = "google.rpc.Status" | "connect.Error";

/** The responses of an operation that did not succeed. */
export const errorAnswers = (method: DescMethod, comments: Comments, form: ErrorForm): JsonObject => ({
  ...Object.fromEntries(failuresOf(method, comments).map((failure) => [String(failure.status), answer(failure, form)])),
  default: answer({ status: 500, description: "Any other failure." }, form),
});

const answer = ({ status, description }: Failure, form: ErrorForm): JsonObject => ({
  description,
  ...(status === 429 || status === 503 ? { headers: { "retry-after": RETRY_AFTER } } : {}),
  content: { "application/json": { schema: { $ref: `#/components/schemas/${form}` } } },
});

const RETRY_AFTER: JsonObject = {
  description: "Seconds after which to try again.",
  schema: { type: "integer", minimum: 0 },
};

/** As the Connect protocol writes them. */
const CODE_NAMES = Object.keys(HTTP_STATUS).map((code) => codeToString(Number(code)));

/** The schemas of both forms. */
export const ERROR_SCHEMAS: JsonObject = {
  "google.rpc.Status": {
    type: "object",
    description:
      "Says why a call failed. Its details hold a google.rpc.ErrorInfo, whose reason is for programs, and where they help a google.rpc.BadRequest, which names fields, or a google.rpc.RetryInfo.",
    properties: {
      code: { type: "integer", format: "int32", description: "A google.rpc.Code, such as 5 for NOT_FOUND." },
      message: { type: "string", description: "Says for people what went wrong and what to do." },
      details: {
        type: "array",
        items: {
          type: "object",
          properties: { "@type": { type: "string" } },
          required: ["@type"],
          description: "A message of the type that `@type` names, its fields beside it.",
        },
      },
    },
    required: ["code"],
    example: {
      code: 5,
      message: "customer cus_00000000000000000000000000 not found",
      details: [
        {
          "@type": "type.googleapis.com/google.rpc.ErrorInfo",
          reason: "CUSTOMER_NOT_FOUND",
          domain: "customer.v1",
          metadata: { customerId: "cus_00000000000000000000000000" },
        },
      ],
    },
  },
  "connect.Error": {
    type: "object",
    description:
      "Says why a call failed, as the Connect protocol does (https://connectrpc.com/docs/protocol/#error-end-stream).",
    properties: {
      code: { type: "string", enum: CODE_NAMES },
      message: { type: "string", description: "Says for people what went wrong and what to do." },
      details: {
        type: "array",
        items: {
          type: "object",
          properties: {
            type: { type: "string", description: "The full name of a message, such as `google.rpc.ErrorInfo`." },
            value: {
              type: "string",
              contentEncoding: "base64",
              description: "The serialized message, without padding.",
            },
            debug: { description: "The message as JSON, for people." },
          },
          required: ["type", "value"],
        },
      },
    },
    required: ["code"],
  },
};
