import type { ChildProcess } from "node:child_process";
import { EventEmitter } from "node:events";
import { fakeTime } from "@heddle/mesh/testing";
import { expect, test } from "vitest";
import { SupervisedProcess } from "./supervised-process.ts";

/** A process that does what its test says. */
class FakeChild extends EventEmitter {
  readonly pid = process.pid;
  readonly connected = true;
  readonly stdout = new EventEmitter();
  readonly stderr = new EventEmitter();
  readonly asked: string[] = [];
  readonly signals: string[] = [];
  /** Whether it answers what it is asked. */
  answers = true;

  send({ type }: { type: string }): boolean {
    this.asked.push(type);
    if (this.answers) this.say("pong");
    return true;
  }

  say(type: string): void {
    this.emit("message", { type, service: "customer", address: "127.0.0.1:1" });
  }

  kill(signal: string): boolean {
    this.signals.push(signal);
    return true;
  }

  end(signal: string): void {
    this.emit("exit", null, signal);
    this.emit("close");
  }
}

const start = (hangMs = 30_000) => {
  const time = fakeTime();
  const children: FakeChild[] = [];
  const told: string[] = [];
  const supervised = new SupervisedProcess({
    program: { name: "customer", services: ["customer"], file: "", env: {}, isGateway: false },
    launch() {
      const child = new FakeChild();
      children.push(child);
      return child as unknown as ChildProcess;
    },
    ...time,
    hangMs,
    listener: {
      started: () => told.push("started"),
      said: ({ type }) => type === "pong" || told.push(type),
      wrote: () => undefined,
      hung: (silentMs) => told.push(`hung ${silentMs}`),
      died: ({ signal }) => told.push(`died ${signal}`),
      gaveUp: () => told.push("gave up"),
      stopped: () => told.push("stopped"),
    },
  });
  supervised.start();
  const child = (index = 0) => children[index] ?? expect.fail("it was not started");
  return { time, told, child, supervised };
};

test("a process that stops answering is killed after six questions, and another one is started", async () => {
  const { time, told, child } = start();
  child().say("ready");
  await time.advance(600_000);
  child().answers = false;
  await time.advance(34_999);
  expect(child().signals).toEqual([]);
  await time.advance(1);
  expect(child().signals).toEqual(["SIGKILL"]);
  child().end("SIGKILL");
  await time.advance(100);
  child(1).say("ready");
  expect(told).toEqual(["started", "ready", "hung 30000", "died SIGKILL", "started", "ready"]);
  await time.advance(600_000);
  expect([child().signals.length, child(1).signals.length]).toEqual([1, 0]);
});

test("whatever it says is a sign of life", async () => {
  const { time, child } = start();
  child().say("ready");
  await time.advance(5_000);
  child().answers = false;
  for (let count = 0; count < 20; count++) {
    await time.advance(25_000);
    child().say("counts");
    child().emit("message", { type: "counts", service: "customer", calls: 1, failures: 0 });
  }
  expect(child().signals).toEqual([]);
});

test("one that was never ready, or never answered, is not taken for hung", async () => {
  const starting = start();
  await starting.time.advance(600_000);
  expect([starting.child().asked, starting.child().signals]).toEqual([[], []]);
  const older = start();
  older.child().answers = false;
  older.child().say("ready");
  await older.time.advance(600_000);
  expect(older.child().asked).toContain("ping");
  expect(older.child().signals).toEqual([]);
});

test("what the process before says late is no answer of the one that starts", async () => {
  const { time, child } = start();
  child().say("ready");
  child().end("SIGKILL");
  await time.advance(100);
  child(1).answers = false;
  child(1).say("ready");
  child().say("pong");
  await time.advance(600_000);
  expect(child(1).signals).toEqual([]);
});

test("none is asked where nobody wants it, and none while it drains", async () => {
  const never = start(0);
  never.child().say("ready");
  await never.time.advance(600_000);
  expect(never.child().asked).toEqual([]);
  const draining = start();
  draining.child().say("ready");
  await draining.time.advance(5_000);
  draining.child().answers = false;
  void draining.supervised.stop(600_000);
  await draining.time.advance(300_000);
  expect(draining.child().signals).toEqual(["SIGTERM"]);
  expect(draining.told).not.toContain("hung 30000");
});
