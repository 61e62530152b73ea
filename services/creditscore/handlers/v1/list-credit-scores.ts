import { type CreditScoreService, ListCreditScoresRequestSchema } from "@heddle/contracts/creditscore/v1";
import { nextPageToken, pageOf, takePage } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import { toV1 } from "../../credit-score-v1.ts";
import { type Deps, PAGE_SIZES } from "../deps.ts";

/** Lists all scores of a customer, latest first. */
export const listCreditScores =
  ({ scores, store }: Pick<Deps, "scores" | "store">): Handler<typeof CreditScoreService.method.listCreditScores> =>
  async (request) => {
    const { size, after } = pageOf(ListCreditScoresRequestSchema, request, PAGE_SIZES);
    const { customerId } = request;
    const beforeSequence = after && Number(after[0]);
    const rows = await store.read((reader) =>
      scores.list(reader, { customerId, bands: [], beforeSequence, limit: size + 1 }),
    );
    const { items, last } = takePage(rows, size);
    return {
      creditScores: items.map(({ score }) => toV1(score)),
      nextPageToken: last ? nextPageToken(ListCreditScoresRequestSchema, request, [String(last.sequence)]) : "",
    };
  };
