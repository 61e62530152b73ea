import {
  AccountOpenedSchema,
  BillingService,
  CreditLimitChangedSchema,
  PaymentAuthorizedSchema,
  PaymentCapturedSchema,
  PaymentExpiredSchema,
  PaymentRecordedSchema,
  PaymentRefundedSchema,
  PaymentVoidedSchema,
} from "@heddle/contracts/billing/v1";
import { implementation } from "@heddle/mesh/rpc";
import { defineService } from "@heddle/mesh/service";
import { startExpiry } from "./expire-holds.ts";
import { authorizePayment } from "./handlers/authorize-payment.ts";
import { capturePayment } from "./handlers/capture-payment.ts";
import { getAccount } from "./handlers/get-account.ts";
import { getTrialBalance } from "./handlers/get-trial-balance.ts";
import { listLedgerEntries } from "./handlers/list-ledger-entries.ts";
import { openAccount } from "./handlers/open-account.ts";
import { recordPayment } from "./handlers/record-payment.ts";
import { refundPayment } from "./handlers/refund-payment.ts";
import { setCreditLimit } from "./handlers/set-credit-limit.ts";
import { voidPayment } from "./handlers/void-payment.ts";
import { voidReference } from "./handlers/void-reference.ts";
import manifest from "./package.json" with { type: "json" };
import { accountStore } from "./store/account-store.ts";
import { authorizationStore } from "./store/authorization-store.ts";
import { ledgerStore } from "./store/ledger-store.ts";

export const billing = defineService({
  name: "billing",
  version: manifest.version,
  migrations: new URL("./migrations/", import.meta.url),
  publishes: [
    AccountOpenedSchema,
    CreditLimitChangedSchema,
    PaymentAuthorizedSchema,
    PaymentCapturedSchema,
    PaymentVoidedSchema,
    PaymentExpiredSchema,
    PaymentRefundedSchema,
    PaymentRecordedSchema,
  ],
  implement({ store, clock, ids, timers, log, leases }) {
    const stores = { accounts: accountStore(), authorizations: authorizationStore(), ledger: ledgerStore() };
    const deps = { ...stores, store, clock, ids };
    leases.hold("expire-holds", (lease) => startExpiry({ ...stores, store: lease.store, clock, timers, log }));
    return [
      implementation(BillingService, {
        openAccount: openAccount(deps),
        getAccount: getAccount(deps),
        setCreditLimit: setCreditLimit(deps),
        authorizePayment: authorizePayment(deps),
        capturePayment: capturePayment(deps),
        voidPayment: voidPayment(deps),
        voidReference: voidReference(deps),
        refundPayment: refundPayment(deps),
        recordPayment: recordPayment(deps),
        listLedgerEntries: listLedgerEntries(deps),
        getTrialBalance: getTrialBalance(deps),
      }),
    ];
  },
});
