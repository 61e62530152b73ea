import { CreditScoreService as CreditScoreServiceV1 } from "@heddle/contracts/creditscore/v1";
import {
  CreditScoreComputedSchema,
  CreditScoreService as CreditScoreServiceV2,
} from "@heddle/contracts/creditscore/v2";
import { implementation } from "@heddle/mesh/rpc";
import { defineService } from "@heddle/mesh/service";
import { followEvents } from "./follow-events.ts";
import { getCreditScore as getCreditScoreV1 } from "./handlers/v1/get-credit-score.ts";
import { listCreditScores as listCreditScoresV1 } from "./handlers/v1/list-credit-scores.ts";
import { getCreditScore as getCreditScoreV2 } from "./handlers/v2/get-credit-score.ts";
import { listCreditScores as listCreditScoresV2 } from "./handlers/v2/list-credit-scores.ts";
import manifest from "./package.json" with { type: "json" };
import { creditScoreStore } from "./store.ts";

export const creditScore = defineService({
  name: "creditscore",
  version: manifest.version,
  migrations: new URL("./migrations/", import.meta.url),
  publishes: [CreditScoreComputedSchema],
  implement({ store, clock, ids }) {
    const deps = { scores: creditScoreStore(), store, clock, ids };
    return {
      implementations: [
        implementation(CreditScoreServiceV1, {
          getCreditScore: getCreditScoreV1(deps),
          listCreditScores: listCreditScoresV1(deps),
        }),
        implementation(CreditScoreServiceV2, {
          getCreditScore: getCreditScoreV2(deps),
          listCreditScores: listCreditScoresV2(deps),
        }),
      ],
      subscriptions: followEvents(deps),
    };
  },
});
