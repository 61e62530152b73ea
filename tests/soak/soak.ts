import { CustomerService } from "@heddle/contracts/customer/v1";
import { createHeddleTransport } from "@heddle/mesh/rpc";
import { type Runtime, systemRuntime, type Timers } from "@heddle/mesh/runtime";
import { type Answers, askAll, composeAll, keepAnswers, readAnswers } from "./answers.ts";
import { createCaller } from "./caller.ts";
import { strikeAll } from "./chaos.ts";
import { chaosPlan, type StrikeKind } from "./chaos-plan.ts";
import { allChecks } from "./checks/all-checks.ts";
import { type Check, checking } from "./checks/check.ts";
import { numbersAreSecret } from "./checks/secrecy.ts";
import { createDriver, type Driver } from "./driver.ts";
import { type Ledger, openLedger, readLedger } from "./ledger.ts";
import { calmLife, lives } from "./life.ts";
import { type Processes, type Replicas, startProcesses } from "./processes.ts";
import { untilQuiet } from "./quiet.ts";
import { repeatAcknowledged } from "./repeat.ts";
import { readStores, type Stores } from "./stores.ts";
import { createWatcher } from "./watcher.ts";

export interface SoakOptions {
  /** Where data, logs and the ledger go: an empty folder. */
  readonly folder: string;
  readonly seed: number;
  /** Seconds of chaos; the start and the wait for quiet come on top. */
  readonly seconds: number;
  /** Customers that live at a time. */
  readonly workers: number;
  /** How many processes a service has; one where it is not named. */
  readonly replicas?: Replicas;
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
export const soak = async (options: SoakOptions): Promise<SoakResult> => {
  const { folder, seed, seconds, workers, progress } = options;
  const runtime = systemRuntime();
  progress(`seed ${seed}: starting the mesh`);
  const processes = await startProcesses(folder, runtime.timers, options.replicas);
  try {
    await untilServing(processes, runtime.timers);
    const transport = createHeddleTransport({ baseUrl: processes.url, runtime });
    const run = { ...options, runtime, processes, transport };
    const ledger = await openLedger(folder);
    const caller = createCaller({ transport, ledger, ...runtime });
    const watcher = createWatcher({ transport, ledger, ...runtime });
    const driver = createDriver({ caller, watcher, seed, timers: runtime.timers });
    const numbers = await liveThroughChaos(run, driver);
    progress("the chaos is over: waiting until all is quiet");
    const first = await untilQuiet({ ...run, ...runtime });
    await driver.lead(calmLife(seed));
    await repeatAcknowledged(folder, caller);
    const customerIds = await createdCustomers(folder);
    await composeAll(transport, customerIds);
    const second = await untilQuiet({ ...run, ...runtime });
    await watcher.stop();
    await ledger.close();
    await keepAnswers(folder, await askAll(transport, customerIds));
    await processes.stop();
    progress("checking");
    const evidence = await readEvidence(folder);
    const checks = [
      ...allChecks(evidence, second.restless),
      numbersAreSecret(folder, new Set([...numbers, calmLife(seed).number])),
      nobodyEndedByItself(processes),
    ];
    const retriedSagas = first.retriedSagas + second.retriedSagas;
    const { struck } = processes;
    return { seed, seconds, workers, struck, starts: processes.starts(), retriedSagas, ...evidence, checks };
  } finally {
    await processes.stop();
  }
};

/** Customers live, one after the other with each worker, while services are struck; resolves to the numbers that they have. */
const liveThroughChaos = async (
  { seed, seconds, workers, progress, processes, runtime: { clock, timers } }: SoakOptions & Run,
  driver: Driver,
): Promise<Set<string>> => {
  const numbers = new Set<string>();
  let led = 0;
  let chaosIsOver = false;
  const work = async (worker: number): Promise<void> => {
    for (const life of lives(seed, worker)) {
      if (chaosIsOver) return;
      numbers.add(life.number);
      // A life that has begun is led to its end.
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
  await Promise.all(working);
  reporting.cancel();
  return numbers;
};

/** What the parts of a run share. */
interface Run {
  readonly processes: Processes;
  readonly runtime: Runtime;
}

/** The evidence of a run, of its folder alone. */
export const readEvidence = async (folder: string): Promise<{ ledger: Ledger; stores: Stores; answers: Answers }> => ({
  ledger: await readLedger(folder),
  stores: readStores(folder),
  answers: await readAnswers(folder),
});

const untilServing = async (processes: Processes, timers: Timers): Promise<void> => {
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
