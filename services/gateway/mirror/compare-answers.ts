import { type DescMethod, fromBinary, type Message } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { DifferenceKind } from "@heddle/contracts/heddle/traffic/v1";
import type { Answer } from "../replies/collected-answer.ts";
import { isOneMessage } from "../replies/reply-cache.ts";
import { shapeOf } from "./shape.ts";

/** What of an answer is compared. */
export interface AnswerShape {
  /** Undefined: OK. */
  readonly code: Code | undefined;
  /** The fields that are set; undefined where the message was not looked at, `unreadable` where it is none of the contract. */
  readonly fields: ReadonlySet<string> | "unreadable" | undefined;
}

/** One way in which answers differ. */
export interface AnswerDifference {
  readonly kind: DifferenceKind;
  readonly subject: string;
}

/** How a copy's answer differs from the one that the caller got; undefined: one of them says nothing of how it would have been. */
export const compareAnswers = (told: AnswerShape, copy: AnswerShape): AnswerDifference[] | undefined => {
  if (saysNothing(told) || saysNothing(copy)) return undefined;
  if (told.code !== copy.code) {
    return [{ kind: DifferenceKind.STATUS, subject: `${codeText(told.code)}, ${codeText(copy.code)}` }];
  }
  if (told.fields === undefined || copy.fields === undefined) return [];
  if (told.fields === "unreadable" || copy.fields === "unreadable") {
    const whose = told.fields === "unreadable" ? "the caller's answer" : "the copy's answer";
    return told.fields === copy.fields ? [] : [{ kind: DifferenceKind.UNREADABLE, subject: whose }];
  }
  return [
    ...topmost(told.fields, copy.fields).map((subject) => ({ kind: DifferenceKind.MISSING, subject })),
    ...topmost(copy.fields, told.fields).map((subject) => ({ kind: DifferenceKind.ADDED, subject })),
  ];
};

/** The shape of a unary answer by gRPC. What is compressed, or no protobuf, is compared by its status alone. */
export const shapeOfAnswer = ({ output }: DescMethod, { headers, body, trailers }: Answer): AnswerShape => {
  const status = Number((trailers ?? headers).get("grpc-status") ?? Code.Unknown);
  if (status !== 0) return { code: Code[status] === undefined ? Code.Unknown : status, fields: undefined };
  if (!isOneMessage(body) || !PROTOBUF.test(headers.get("content-type") ?? "")) {
    return { code: undefined, fields: undefined };
  }
  try {
    return { code: undefined, fields: shapeOf(output, fromBinary(output, body.subarray(PREFIX_BYTES))) };
  } catch {
    return { code: undefined, fields: "unreadable" };
  }
};

/** The shape of an answer that was decoded. */
export const shapeOfMessage = ({ output }: DescMethod, message: Message): AnswerShape => ({
  code: undefined,
  fields: shapeOf(output, message),
});

const PREFIX_BYTES = 5;
const PROTOBUF = /^application\/grpc(\+proto)?(;|$)/;

/** The moment decides these, and not the version. */
const OF_THE_MOMENT: ReadonlySet<Code> = new Set([
  Code.Canceled,
  Code.DeadlineExceeded,
  Code.ResourceExhausted,
  Code.Unavailable,
]);

const saysNothing = ({ code }: AnswerShape): boolean => code !== undefined && OF_THE_MOMENT.has(code);

const codeText = (code: Code | undefined): string => (code === undefined ? "ok" : codeToString(code));

/** What is in `some` and not in `others`, without what is within something else that is. */
const topmost = (some: ReadonlySet<string>, others: ReadonlySet<string>): string[] =>
  [...some].filter((path) => {
    if (others.has(path)) return false;
    const parent = path.slice(0, Math.max(0, path.lastIndexOf(".")));
    return parent === "" || others.has(parent);
  });
