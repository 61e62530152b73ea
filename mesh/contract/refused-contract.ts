/** Digits of a hash that a person is shown: enough to tell any two contracts apart. */
const HASH_CHARS = 12;

/** What to do about a contract that would break callers, one way each. */
export const nextSteps = (packageName: string, contractHash: string): string[] => [
  `undo the change, or release ${nextVersion(packageName)} beside ${packageName}`,
  `an operator lets it in: heddle contracts allow ${packageName} --hash ${contractHash.slice(0, HASH_CHARS)} --reason "…"`,
];

/** The package that may break what this one promised: `customer.v2` of `customer.v1`. */
export const nextVersion = (packageName: string): string => {
  const [, base, version] = /^(.*\.v)([0-9]{1,9})$/.exec(packageName) ?? [];
  return base === undefined ? `${packageName}.v2` : `${base}${Number(version) + 1}`;
};

/** One thing that would break callers, as compilers print it: `order/v1/order.proto:12: FIELD_SAME_TYPE: …`. */
export const violationLine = (violation: {
  readonly file: string;
  /** Zero or undefined: not known. */
  readonly line: number | undefined;
  readonly rule: string;
  readonly message: string;
}): string => {
  const { file, line, rule, message } = violation;
  return [line ? `${file}:${line}` : file, rule, message].filter((part) => part !== "").join(": ");
};
