import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { EndlessCalls } from "./endless-calls.ts";

const reason = new ConnectError("stopping", Code.Unavailable);

const endless = () => {
  const told: ConnectError[] = [];
  return { told, interrupt: (why: ConnectError) => void told.push(why) };
};

test("a drain ends the calls that are under way, and none that has ended", () => {
  const calls = new EndlessCalls();
  const [running, over] = [endless(), endless()];
  calls.add(running);
  calls.add(over);
  calls.delete(over);
  calls.interrupt(reason);
  expect(running.told).toEqual([reason]);
  expect(over.told).toEqual([]);
});

test("a call that begins after the drain is ended at once", () => {
  const calls = new EndlessCalls();
  calls.interrupt(reason);
  const late = endless();
  calls.add(late);
  expect(late.told).toEqual([reason]);
});
