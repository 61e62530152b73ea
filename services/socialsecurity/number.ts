import { fail } from "@heddle/mesh/contract";
import { NUMBER_NEVER_ISSUED, REASON_HOLDS_NUMBER } from "./errors.ts";

/** The nine digits of a number, from either form that contracts allow: `123-45-6789` or `123456789`. */
export const normalizeNumber = (number: string): string => number.replaceAll("-", "");

/**
 * The nine digits of a number that can have been issued. Throws NUMBER_NEVER_ISSUED, which names the part at fault and
 * never the number.
 *
 * By the Social Security Administration's rules, which also hold for numbers assigned at random since 2011: no area 000, 666
 * or 900 to 999, no group 00, no serial 0000 (ssa.gov/employer/randomization.html, 20 CFR 422.103).
 */
export const issuedNumber = (number: string): string => {
  const digits = normalizeNumber(number);
  const problem = problemOf(digits);
  if (problem === undefined) return digits;
  throw fail(NUMBER_NEVER_ISSUED, { problem }, { violations: [{ field: "number", description: problem }] });
};

/** `123-45-6789` */
export const formatNumber = (digits: string): string =>
  `${digits.slice(0, 3)}-${digits.slice(3, 5)}-${digits.slice(5)}`;

export const lastFourOf = (digits: string): string => digits.slice(5);

/** `***-**-6789` */
export const maskNumber = (lastFour: string): string => `***-**-${lastFour}`;

/** Throws REASON_HOLDS_NUMBER when a text that is kept in plain holds what could be a number, whoever's it is. */
export const refuseNumberIn = (reason: string): void => {
  for (const [found] of reason.matchAll(NUMBER_LIKE)) {
    if (problemOf(found.replaceAll(/\D/g, "")) !== undefined) continue;
    const description = "must not hold a social security number";
    throw fail(REASON_HOLDS_NUMBER, {}, { violations: [{ field: "reason", description }] });
  }
};

/** Nine digits on their own, as people write them. */
const NUMBER_LIKE = /(?<!\d)\d{3}[-. ]?\d{2}[-. ]?\d{4}(?!\d)/g;

const problemOf = (digits: string): string | undefined => {
  if (!/^\d{9}$/.test(digits)) return "it has not nine digits";
  const area = digits.slice(0, 3);
  if (area === "000" || area === "666" || area >= "900")
    return "its area, the first three digits, is 000, 666 or above 899";
  if (digits.slice(3, 5) === "00") return "its group, the fourth and fifth digit, is 00";
  if (digits.slice(5) === "0000") return "its serial, the last four digits, is 0000";
  return undefined;
};
