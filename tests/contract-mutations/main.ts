// Compares our verdicts on mutated contracts with those of buf: RUNS pairs from SEED. Exits with 1 when they differ.
import { CATEGORIES } from "../../mesh/contract/breaking/index.ts";
import { explain, runMutations, unseenRules } from "./run.ts";

const runs = Number(process.env.RUNS ?? 1000);
const seed = Number(process.env.SEED ?? 1);
const outcome = runMutations(runs, seed);
const { falseAccepts, falseRefusals, otherRules, otherPlaces } = outcome;

for (const disagreement of [...falseAccepts, ...falseRefusals, ...otherRules, ...otherPlaces].slice(0, 20)) {
  console.log(explain(disagreement));
}
console.log("\nrules named by buf, and how often:");
for (const [rule, times] of [...outcome.rulesSeen].sort()) console.log(`  ${rule.padEnd(48)} ${times}`);
const unseen = unseenRules(outcome);
console.log(unseen.length === 0 ? "every rule was named" : `never named: ${unseen.join(", ")}`);

const breaking = CATEGORIES.map((category) => `${category} ${outcome.breaking[category]}`).join(", ");
console.log(
  `\npairs                ${outcome.pairs} (seed ${seed}; ${outcome.invalid} more that buf takes for no contract)`,
);
console.log(`verdicts             ${outcome.pairs * CATEGORIES.length}, breaking: ${breaking}`);
console.log(`false accepts        ${falseAccepts.length}`);
console.log(`false refusals       ${falseRefusals.length}`);
console.log(`other rules          ${otherRules.length}`);
console.log(`other lines          ${otherPlaces.length}`);
if (falseAccepts.length + falseRefusals.length + otherRules.length + otherPlaces.length > 0) process.exitCode = 1;
