import { type CreditScoreService, ListCreditScoresRequestSchema } from "@heddle/contracts/creditscore/v2";
import { nextPageToken, pageOf, takePage } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import { bandsFromV2, toV2 } from "../../credit-score-v2.ts";
import { type Deps, PAGE_SIZES } from "../deps.ts";

/** Lists the scores of a customer, all or those in some bands, latest first. */
export const listCreditScores =
  ({ scores, store }: Pick<Deps, "scores" | "store">): Handler<typeof CreditScoreService.method.listCreditScores> =>
  async (request) => {
    const { size, after } = pageOf(ListCreditScoresRequestSchema, request, PAGE_SIZES);
    const { customerId } = request;
    const bands = bandsFromV2(request.bands);
    const beforeSequence = after && Number(after[0]);
    const rows = await store.read((reader) =>
      scores.list(reader, { customerId, bands, beforeSequence, limit: size + 1 }),
    );
    const { items, last } = takePage(rows, size);
    return {
      creditScores: items.map(({ score }) => toV2(score)),
      nextPageToken: last ? nextPageToken(ListCreditScoresRequestSchema, request, [String(last.sequence)]) : "",
    };
  };
