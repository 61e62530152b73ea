import type { Money } from "@heddle/contracts/common/v1";
import { type FailOptions, fail, type Reason } from "@heddle/mesh/contract";
import { CURRENCY_MISMATCH, PAYER_CURRENCY_MISMATCH } from "./errors.ts";

/** What `common.v1.Money` carries at most, up and down, in minor units. */
export const MINOR_UNITS_MAX = 10n ** 15n;

/** The minor units of a request's `field`, which must be in the currency of the account. Throws CURRENCY_MISMATCH. */
export const minorUnitsIn = (accountCurrencyCode: string, money: Money | undefined, field: string): bigint => {
  const violations = [{ field: `${field}.currency_code`, description: `must be ${accountCurrencyCode}` }];
  return matching(accountCurrencyCode, money, CURRENCY_MISMATCH, { violations });
};

/** As `minorUnitsIn`, for a caller that need not know the payer's account. Throws PAYER_CURRENCY_MISMATCH. */
export const payerMinorUnitsIn = (accountCurrencyCode: string, money: Money | undefined): bigint =>
  matching(accountCurrencyCode, money, PAYER_CURRENCY_MISMATCH);

const matching = (accountCurrencyCode: string, money: Money | undefined, reason: Reason, options?: FailOptions) => {
  if (money === undefined) throw new TypeError("an amount is missing, which validation refuses");
  const { currencyCode, minorUnits } = money;
  if (currencyCode !== accountCurrencyCode) throw fail(reason, { currencyCode, accountCurrencyCode }, options);
  return minorUnits;
};
