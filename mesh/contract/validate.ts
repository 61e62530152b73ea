import type { DescMessage, DescService, MessageShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import type { Violation as BrokenRule, Validator } from "@bufbuild/protovalidate";
import { createValidator } from "@bufbuild/protovalidate";
import type { ConnectError } from "@connectrpc/connect";
import { commonReasons } from "./common-reasons.ts";
import { fail } from "./fail.ts";
import { matchPattern } from "./match-pattern.ts";
import { compileQuickCheck, type QuickCheck } from "./quick-check.ts";

/**
 * A check of one message type against the protovalidate rules of its contract; they are compiled once, for its first message or by
 * `assertRulesCompile`. It throws INVALID_ARGUMENT `VALIDATION_FAILED` with a BadRequest that names every field at fault
 * by its path in the contract (`lines[0].quantity`), up to the bounds of `fail`. Descriptions are those of the rules:
 * they never show the value, so a rule's own CEL message must not either.
 */
export const requestCheck = <M extends DescMessage>(schema: M): ((message: MessageShape<M>) => void) => {
  const { validate } = sharedValidator();
  let quick: QuickCheck | null | undefined;
  return (message) => {
    if (quick === undefined) quick = quickCheckOf(schema);
    if (quick?.(message) === true) return;
    const result = validate(schema, message);
    if (result.kind === "valid") return;
    throw result.kind === "invalid" ? invalid(schema, result.violations) : result.error;
  };
};

/**
 * Compiles the rules of every request of a service and throws an Error that lists those that cannot be: a wrong rule must
 * stop the start, not fail the first call. Each rule also runs once, against the empty request.
 */
export const assertRulesCompile = (service: DescService): void => {
  const { validate } = sharedValidator();
  const problems = service.methods.flatMap(({ input }) => {
    const result = validate(input, create(input));
    return result.kind === "error" ? [`${input.typeName}: ${result.error.message}`] : [];
  });
  if (problems.length > 0) {
    throw new Error(
      `The validation rules of ${service.typeName} do not compile:\n  ${[...new Set(problems)].join("\n  ")}`,
    );
  }
};

const quickCheckOf = (schema: DescMessage): QuickCheck | null => {
  let check = quickChecks.get(schema);
  if (check === undefined) {
    check = compileQuickCheck(schema) ?? null;
    quickChecks.set(schema, check);
  }
  return check;
};

/** Null for messages with rules that only protovalidate knows. */
const quickChecks = new WeakMap<DescMessage, QuickCheck | null>();

let shared: Validator | undefined;

// One for the process: services of one process share messages, and each compilation costs milliseconds.
const sharedValidator = (): Validator => {
  shared ??= createValidator({ regexMatch: matchPattern });
  return shared;
};

const invalid = (schema: DescMessage, broken: readonly BrokenRule[]): ConnectError => {
  const violations = broken.map((rule) => ({
    field: pathToString(rule.field),
    description: rule.message || rule.ruleId,
  }));
  const [first] = violations;
  return fail(
    commonReasons(schema.file.proto.package).VALIDATION_FAILED,
    {
      // A rule of the whole message has no field to name.
      field: first?.field || schema.name,
      description: first?.description ?? "",
      rule: broken[0]?.ruleId ?? "",
      violations: violations.length,
    },
    { violations },
  );
};
