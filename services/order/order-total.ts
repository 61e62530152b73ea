import type { Money } from "@heddle/contracts/common/v1";
import type { OrderLine } from "@heddle/contracts/order/v1";
import { fail, type Reason, type Values } from "@heddle/mesh/contract";
import { ORDER_CURRENCIES_MIXED, ORDER_TOTAL_TOO_LARGE, ORDER_TOTAL_ZERO } from "./errors.ts";

/** Minor units of the largest total, as `common.v1.Money` allows them. */
export const TOTAL_MINOR_UNITS_MAX = 10n ** 15n;

type Total = Pick<Money, "currencyCode" | "minorUnits">;

/**
 * The sum of quantity times unit price, exact: no product of an int32 and an int64 overflows a bigint. Throws
 * ORDER_CURRENCIES_MIXED, ORDER_TOTAL_ZERO, ORDER_TOTAL_TOO_LARGE.
 */
export const totalOf = (lines: readonly Pick<OrderLine, "quantity" | "unitPrice">[]): Total => {
  const currencyCode = lines[0]?.unitPrice?.currencyCode ?? "";
  let minorUnits = 0n;
  for (const [index, { quantity, unitPrice }] of lines.entries()) {
    const other = unitPrice?.currencyCode ?? "";
    if (other !== currencyCode) {
      const field = `lines[${index}].unit_price.currency_code`;
      throw refuse(ORDER_CURRENCIES_MIXED, { first: currencyCode, other }, field, "must be the same on all lines");
    }
    minorUnits += BigInt(quantity) * (unitPrice?.minorUnits ?? 0n);
  }
  if (minorUnits === 0n) throw refuse(ORDER_TOTAL_ZERO, {}, "lines", "must not be free of charge all together");
  if (minorUnits > TOTAL_MINOR_UNITS_MAX) {
    const values = { total: minorUnits, totalMax: TOTAL_MINOR_UNITS_MAX };
    throw refuse(ORDER_TOTAL_TOO_LARGE, values, "lines", `must sum to at most ${TOTAL_MINOR_UNITS_MAX} minor units`);
  }
  return { currencyCode, minorUnits };
};

const refuse = <T extends string>(reason: Reason<T>, values: Values<T>, field: string, description: string) =>
  fail(reason, values, { violations: [{ field, description }] });
