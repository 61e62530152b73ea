import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  type Deployment,
  readDeployment,
  releaseBefore,
  withOutcome,
  withRollout,
  writeDeployment,
} from "./deployment-file.ts";

const A = "1.0.0+aaaaaaaaaaaa";
const B = "1.1.0+bbbbbbbbbbbb";
let folder: string;

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), "heddle-deployments-")), "rollouts");
});
afterEach(() => rmSync(join(folder, ".."), { recursive: true }));

const nothing = (): Deployment => readDeployment(folder, "order");
const deployed = (before: Deployment, release: string | null, kind: "deploy" | "undo" = "deploy"): Deployment =>
  withOutcome(withRollout(before, { kind, release, startMs: 1 }), "done", 2);

test("a service of which nothing was deployed runs once, from the working tree", () => {
  expect(nothing()).toEqual({ version: 1, service: "order", release: null, replicas: 1, rollouts: [] });
  expect(releaseBefore(nothing())).toBeUndefined();
});

test("what was written is read again, and nothing else is left in the folder", () => {
  const deployment = deployed(nothing(), A);
  writeDeployment(folder, deployment);
  expect(readDeployment(folder, "order")).toEqual(deployment);
  expect(readdirSync(folder)).toEqual(["order.json"]);
});

test("a release is in force when its rollout was done, and not before", () => {
  const begun = withRollout(deployed(nothing(), A), { kind: "deploy", release: B, startMs: 3 });
  expect(begun.release).toBe(A);
  expect(begun.rollouts.at(-1)).toMatchObject({ number: 2, release: B, from: A, outcome: "running" });
  expect(withOutcome(begun, "done", 4).release).toBe(B);
});

test.each(["rolled-back", "interrupted"] as const)(
  "a rollout that was %s leaves the release of before in force",
  (outcome) => {
    const begun = withRollout(deployed(nothing(), A), { kind: "deploy", release: B, startMs: 3 });
    const ended = withOutcome(begun, outcome, 4, "why");
    expect(ended.release).toBe(A);
    expect(ended.rollouts.at(-1)).toMatchObject({ outcome, endMs: 4, reason: "why" });
    expect(withOutcome(ended, "interrupted", 5)).toBe(ended);
  },
);

test("an undo goes back to the release before the one in force, and a second one forth again", () => {
  const both = deployed(deployed(nothing(), A), B);
  expect(releaseBefore(both)).toBe(A);
  const back = deployed(both, A, "undo");
  expect(releaseBefore(back)).toBe(B);
  expect(releaseBefore(deployed(nothing(), A))).toBeNull();
});

test("an undo of a release that was deployed twice does not go back to itself", () => {
  expect(releaseBefore(deployed(deployed(deployed(nothing(), A), B), B))).toBe(A);
  expect(releaseBefore(deployed(deployed(nothing(), A), A))).toBeNull();
});

test("the latest hundred rollouts are kept, and go on being counted", () => {
  let deployment = nothing();
  for (let each = 0; each < 120; each++) deployment = deployed(deployment, each % 2 === 0 ? A : B);
  expect(deployment.rollouts).toHaveLength(100);
  expect(deployment.rollouts.at(-1)?.number).toBe(120);
});

test.each(["", "{}", '{"version":1,"service":"order","release":"../../x","replicas":1,"rollouts":[]}'])(
  "a file that heddle has not written is an error, and not taken for an empty one: %s",
  (text) => {
    writeDeployment(folder, nothing());
    writeFileSync(join(folder, "order.json"), text);
    expect(() => nothing()).toThrow(SyntaxError);
  },
);
