import { systemClock, systemTimers } from "@heddle/mesh/runtime";
import { describe, expect, onTestFinished, test } from "vitest";
import { failedBeside, failures, hung, inShort, type LoggedCall } from "./call-log.ts";
import { startChaosMesh, type Victim } from "./chaos-mesh.ts";

// One of three instances gets into trouble while calls go on. What each call came to is known, and nothing may hang.

/** Milliseconds of load before the trouble, and after it. */
const CALM_MS = 2_000;
/** Milliseconds in which everybody has heard of a connection that is gone. */
const NEWS_MS = 100;
/** Milliseconds in which the copy of a slow read may be sent to the silent instance as well: it is not known to be slow. */
const UNAWARE_MS = 1_000;
/** Milliseconds in which a connection on which nothing comes is given up: a PING every ten seconds, five for its answer, one more. */
const SILENCE_MS = 16_000;
/** What a write is told while another process holds the write lock of the store. */
const STORE_IS_LOCKED = /^Another process kept the store|^\d+ jobs wait for the store/;

interface Trouble {
  readonly calls: readonly LoggedCall[];
  /** When it began, and when it was over. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** Calls before, during and after a trouble of one instance. */
const during = async (
  forMs: number,
  begin: (victim: Victim) => void | Promise<void>,
  end: (victim: Victim) => void | Promise<void> = () => undefined,
): Promise<Trouble> => {
  const mesh = await startChaosMesh();
  onTestFinished(() => mesh.stop(), 60_000);
  const [victim] = mesh.victims;
  if (victim === undefined) throw new Error("there is no instance");
  await systemTimers.sleep(CALM_MS);
  const fromMs = systemClock.nowMs();
  await begin(victim);
  await systemTimers.sleep(forMs);
  await end(victim);
  const toMs = systemClock.nowMs();
  await systemTimers.sleep(CALM_MS);
  const calls = await mesh.calls.stop();
  // The test is none when nobody called.
  expect(calls.length).toBeGreaterThan(200);
  return { calls, fromMs, toMs };
};

const SLOW = { timeout: 120_000 };

describe("everybody is told that an instance is gone: only calls that it had begun, and that may not be repeated, can fail, when it", () => {
  const isTold = ({ calls, fromMs }: Trouble) => {
    expect(inShort(failures(calls, "read"))).toEqual([]);
    expect(inShort(failedBeside(calls, { fromMs, toMs: fromMs + NEWS_MS }))).toEqual([]);
    expect(inShort(hung(calls))).toEqual([]);
  };

  test("is killed", SLOW, async () => {
    isTold(await during(4_000, (victim) => victim.signal("SIGKILL")));
  });

  test("resets its connections, and every new one", SLOW, async () => {
    isTold(
      await during(
        4_000,
        ({ proxy }) => proxy.reset(),
        ({ proxy }) => proxy.heal(),
      ),
    );
  });
});

describe("nobody is told: reads are answered by others within a second, and what may not be repeated fails at its deadline until the silence is noticed, when an instance", () => {
  /** `isTold`: whether a call that failed once the silence was noticed was told why by an instance that is well. */
  const isNoticed = ({ calls, fromMs }: Trouble, isTold: (call: LoggedCall) => boolean = () => false) => {
    const reads = failures(calls, "read");
    expect(inShort(failedBeside(reads, { fromMs, toMs: fromMs + UNAWARE_MS }), fromMs)).toEqual([]);
    const beside = failedBeside(calls, { fromMs, toMs: fromMs + SILENCE_MS });
    expect(inShort(beside.filter((call) => !isTold(call)))).toEqual([]);
    expect(inShort(hung(calls))).toEqual([]);
  };

  test.each([
    // Chance decides whether it holds the lock.
    ["is stopped", false],
    ["is stopped in the middle of a write", true],
  ])("%s, and goes on later", SLOW, async (_, isWriting) => {
    const trouble = await during(
      SILENCE_MS + 4_000,
      async (victim) => {
        if (isWriting) await victim.lock(true);
        victim.signal("SIGSTOP");
      },
      async (victim) => {
        victim.signal("SIGCONT");
        if (isWriting) await victim.lock(false);
      },
    );
    isNoticed(trouble, ({ beginMs, message }) => beginMs < trouble.toMs && STORE_IS_LOCKED.test(message));
    if (isWriting)
      expect(trouble.calls.filter(({ message }) => STORE_IS_LOCKED.test(message)).length).toBeGreaterThan(5);
  });

  test("gets nothing, and nothing comes from it", SLOW, async () => {
    isNoticed(
      await during(
        SILENCE_MS + 4_000,
        ({ proxy }) => proxy.swallow(),
        ({ proxy }) => proxy.heal(),
      ),
    );
  });

  test("has lost its connections, of which the other ends are still open", SLOW, async () => {
    isNoticed(await during(SILENCE_MS + 4_000, ({ proxy }) => proxy.halfOpen()));
  });
});

describe("no call fails at all when an instance", () => {
  const isUnnoticed = ({ calls }: Trouble) => {
    expect(inShort(calls.filter(({ code }) => code !== "OK"))).toEqual([]);
    expect(inShort(hung(calls))).toEqual([]);
  };

  test("is a hundred times slower", SLOW, async () => {
    isUnnoticed(
      await during(
        6_000,
        ({ proxy }) => proxy.delay(200),
        ({ proxy }) => proxy.heal(),
      ),
    );
  });

  test.each([
    ["an hour ahead", 3_600_000],
    ["an hour back", -3_600_000],
  ])("has a clock that jumps %s", SLOW, async (_, byMs) => {
    isUnnoticed(
      await during(
        4_000,
        (victim) => victim.jump(byMs),
        (victim) => victim.jump(0),
      ),
    );
  });
});
