import { CustomerService } from "@heddle/contracts/customer/v1";
import { createHeddleTransport } from "@heddle/mesh/rpc";
import { systemRuntime } from "@heddle/mesh/runtime";
import { type Answers, askAll, composeAll, keepAnswers, readAnswers } from "./answers.ts";
import { createCaller } from "./caller.ts";
import { strikeAll } from "./chaos.ts";
import { chaosPlan, type StrikeKind } from "./chaos-plan.ts";
import { allChecks } from "./checks/all-checks.ts";
import { type Check, checking } from "./checks/check.ts";
import { numbersAreSecret } from "./checks/secrecy.ts";
import { createDriver } from "./driver.ts";
import { type Ledger, openLedger, readLedger } from "./ledger.ts";
import { calmLife, lives } from "./life.ts";
import { type Processes, startProcesses } from "./processes.ts";
import { untilQuiet } from "./quiet.ts";
import { repeatAcknowledged } from "./repeat.ts";
import { readStores, type Stores } from "./stores.ts";

export interface SoakOptions {
  /** Where data, logs and the ledger go: an empty folder. */
  readonly folder: string;
  readonly seed: number;
  /** Seconds of chaos; the start and the wait for quiet come on top. */
  readonly seconds: number;
  /** Customers that live at a time. */
  readonly workers: number;
  progress(line: string): void;
}

/** What a run did, and what was found. */
export interface SoakResult {
  readonly seed: number;
  readonly seconds: number;
  readonly workers: number;
  readonly struck: ReadonlyMap<string, Readonly<Record<StrikeKind, number>>>;
  readonly starts: number;
  readonly retriedSagas: number;
  readonly ledger: Ledger;
  readonly stores: Stores;
  readonly answers: Answers;
  readonly checks: readonly Check[];
}

/** Milliseconds between lines of progress. */
const PROGRESS_EVERY_MS = 1_000;

/** Starts the mesh, lives in it while it is struck, waits until it is quiet, and checks what is left. */
export const soak = async ({ folder, seed, seconds, workers, progress }: SoakOptions): Promise<SoakResult> => {
  const runtime = systemRuntime();
  const { clock, timers } = runtime;
  progress(`seed ${seed}: starting the mesh`);
  const processes = await startProcesses(folder, timers);
  try {
    await untilServing(processes, timers);
    const transport = createHeddleTransport({ baseUrl: processes.url, runtime });
    const ledger = await openLedger(folder);
    const caller = createCaller({ transport, ledger, ...runtime });
    const numbers = new Set<string>();
    let led = 0;
    let chaosIsOver = false;
    const driver = createDriver({ caller, seed, timers });
    const work = async (worker: number): Promise<void> => {
      for (const life of lives(seed, worker)) {
        if (chaosIsOver) return;
        numbers.add(life.number);
        await driver.lead(life);
        led++;
      }
    };
    const beginMs = clock.monotonicMs();
    const reporting = timers.every(PROGRESS_EVERY_MS, () => {
      const at = Math.round((clock.monotonicMs() - beginMs) / 1_000);
      const down = processes.services.length - processes.ready().length;
      progress(`${at} s of ${seconds}: ${strikes(processes)} strikes, ${down} services down, ${led} lives led`);
    });
    const working = Array.from({ length: workers }, (_, worker) => work(worker));
    await strikeAll(chaosPlan(seed, seconds, processes.services), processes, { seconds, clock, timers });
    chaosIsOver = true;
    // Lives that have begun are led to their end.
    await Promise.all(working);
    reporting.cancel();
    numbers.add(calmLife(seed).number);
    await driver.lead(calmLife(seed));
    progress("the chaos is over: repeating what was acknowledged, waiting until all is quiet");
    await repeatAcknowledged(folder, caller);
    await ledger.close();
    const quietly = () => untilQuiet({ folder, processes, transport, clock, timers, progress });
    const first = await quietly();
    const customerIds = await createdCustomers(folder);
    await composeAll(transport, customerIds);
    const second = await quietly();
    const answers = await askAll(processes.url, transport, customerIds);
    await keepAnswers(folder, answers);
    await processes.stop();
    progress("checking");
    const evidence = await readEvidence(folder);
    const checks = [
      ...allChecks(evidence, second.restless),
      numbersAreSecret(folder, numbers),
      nobodyEndedByItself(processes),
    ];
    const retriedSagas = first.retriedSagas + second.retriedSagas;
    const { struck } = processes;
    return { seed, seconds, workers, struck, starts: processes.starts(), retriedSagas, ...evidence, checks };
  } finally {
    await processes.stop();
  }
};

/** The evidence of a run, of its folder alone. */
export const readEvidence = async (folder: string): Promise<{ ledger: Ledger; stores: Stores; answers: Answers }> => ({
  ledger: await readLedger(folder),
  stores: readStores(folder),
  answers: await readAnswers(folder),
});

const untilServing = async (
  processes: Processes,
  timers: ReturnType<typeof systemRuntime>["timers"],
): Promise<void> => {
  while (processes.ready().length < processes.services.length) {
    const [end] = processes.ownEnds;
    if (end !== undefined) throw new Error(`the mesh does not start: ${end}`);
    await timers.sleep(50);
  }
};

const createdCustomers = async (folder: string): Promise<string[]> =>
  (await readLedger(folder))
    .to(CustomerService.method.createCustomer)
    .flatMap(({ answers: [answer] }) => answer?.customer?.id ?? []);

const nobodyEndedByItself = ({ ownEnds, starts }: Processes): Check => {
  const check = checking("no service ends by itself", "starts");
  for (let start = 0; start < starts(); start++) check.look();
  for (const end of ownEnds) check.expect(false, () => end);
  return check.done();
};

const strikes = ({ struck }: Processes): number =>
  [...struck.values()].reduce((sum, { kill, stop, restart }) => sum + kill + stop + restart, 0);
