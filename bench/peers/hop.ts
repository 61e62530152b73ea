// One hop of a chain. Arguments: "policies" or "three-tries"; the address of the next hop, or, for the leaf, how many of a hundred
// calls it fails. Told anything, it says how many calls it has had since it was told last.
import process from "node:process";
import { Code, createClient } from "@connectrpc/connect";
import { CreditScoreService } from "@heddle/contracts/creditscore/v1";
import { fail, reasons } from "@heddle/mesh/contract";
import { createLog } from "@heddle/mesh/observe";
import { createRpcServer, implementation } from "@heddle/mesh/rpc";
import { systemRuntime } from "@heddle/mesh/runtime";
import { HOP_REQUEST, type Retrying, transportTo } from "./hop-transport.ts";

const [retrying, next = ""] = process.argv.slice(2);
const DOWN = reasons("bench.v1")("DOWN", Code.Unavailable, "The leaf fails this call.");
const runtime = systemRuntime();
let calls = 0;

const leaf = async () => {
  if (runtime.random.below(100) < Number(next)) throw fail(DOWN, {});
  return {};
};
const isLeaf = /^\d+$/.test(next);
const client = isLeaf ? undefined : createClient(CreditScoreService, transportTo(next, retrying as Retrying));
const answer = client === undefined ? leaf : () => client.getCreditScore(HOP_REQUEST);

const server = createRpcServer({
  implementations: [
    implementation(CreditScoreService, {
      getCreditScore() {
        calls++;
        return answer();
      },
      // Never fails: by it the chain is warmed up.
      listCreditScores: async () => (client === undefined ? {} : client.listCreditScores(HOP_REQUEST)),
    }),
  ],
  runtime,
  log: createLog({ service: "bench", level: "silent", ...runtime }),
});
const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
process.on("message", () => {
  process.send?.(calls);
  calls = 0;
});
process.once("SIGTERM", () => process.exit());
process.once("disconnect", () => process.exit());
process.send?.({ address: `127.0.0.1:${port}` });
