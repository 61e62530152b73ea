import { acknowledgedIsThere, lastWordHolds } from "./acknowledged.ts";
import type { Check, Evidence } from "./check.ts";
import { everyEventTookEffect, feedsAreWhole, lastEventsAreTheState } from "./feeds.ts";
import { accountsAddUp, booksBalance, chargedOnce, holdsFollowOrders } from "./money.ts";
import { acknowledgedOrders, askedForOnce, historiesAgree, watchersSeeAll, worksAfterwards } from "./orders.ts";
import { viewsAgree } from "./overviews.ts";
import { errorsAreTheContracts, everythingAnswered, sameAnswers } from "./requests.ts";
import { deletionsFlow, nothingHangs } from "./sagas.ts";
import { scoresAgree } from "./scores.ts";

/** All that must be true of a run when all is quiet. `restless` is what still moved when the wait was over. */
export const allChecks = (evidence: Evidence, restless: readonly string[]): Check[] => [
  acknowledgedIsThere(evidence),
  acknowledgedOrders(evidence),
  lastWordHolds(evidence),
  askedForOnce(evidence),
  watchersSeeAll(evidence),
  worksAfterwards(evidence),
  sameAnswers(evidence),
  everythingAnswered(evidence),
  errorsAreTheContracts(evidence),
  booksBalance(evidence),
  accountsAddUp(evidence),
  chargedOnce(evidence),
  holdsFollowOrders(evidence),
  historiesAgree(evidence),
  nothingHangs(evidence, restless),
  deletionsFlow(evidence),
  feedsAreWhole(evidence),
  lastEventsAreTheState(evidence),
  everyEventTookEffect(evidence),
  scoresAgree(evidence),
  viewsAgree(evidence),
];
