import { toBinary } from "@bufbuild/protobuf";
import { TrialBalanceSchema } from "@heddle/contracts/billing/v1";
import { expect, test } from "vitest";
import { trialBalanceMessage } from "./messages.ts";
import { MINOR_UNITS_MAX } from "./money.ts";

const balanceOf = (debitTotal: bigint, creditTotal: bigint) =>
  trialBalanceMessage({
    currencyCode: "USD",
    lines: [{ ledgerAccount: "cash", debitTotal, creditTotal }],
    debitTotal,
    creditTotal,
    balanced: debitTotal === creditTotal,
  });

test("sums are told as Money as far as Money carries them", () => {
  const message = balanceOf(MINOR_UNITS_MAX, 0n);
  for (const totals of [message, message.lines[0]]) {
    expect(totals).toMatchObject({
      debitTotal: { currencyCode: "USD", minorUnits: MINOR_UNITS_MAX },
      creditTotal: { currencyCode: "USD", minorUnits: 0n },
      debitMinorUnits: "1000000000000000",
      creditMinorUnits: "0",
    });
  }
});

test("sums past Money, and past 64 bits, are told exactly, and their Money is left out", () => {
  const large = 3n * 2n ** 63n;
  const message = balanceOf(large, MINOR_UNITS_MAX + 1n);
  for (const totals of [message, message.lines[0]]) {
    expect(totals).toMatchObject({ debitMinorUnits: String(large), creditMinorUnits: "1000000000000001" });
    expect(totals?.debitTotal).toBeUndefined();
    expect(totals?.creditTotal).toBeUndefined();
  }
  expect(() => toBinary(TrialBalanceSchema, message)).not.toThrow();
});
