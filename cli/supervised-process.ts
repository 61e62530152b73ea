import type { ChildProcess } from "node:child_process";
import type { Clock, Timer, Timers } from "@heddle/mesh/runtime";
import { identify, type ProcessIdentity } from "./process-info.ts";
import { isProgramMessage, type Program, type ProgramMessage, type SupervisorMessage } from "./program.ts";
import { createRestartBackoff, RESTART } from "./restart-backoff.ts";

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What happens to one supervised process, in order. */
export interface ProcessListener {
  started(process: ProcessIdentity): void;
  said(message: ProgramMessage): void;
  wrote(stream: "stdout" | "stderr", chunk: Buffer): void;
  /** It has given no sign of life for `silentMs`, and is killed. */
  hung(silentMs: number): void;
  /** It ended unasked and is started again after `restartInMs`. */
  died(exit: Exit, restartInMs: number): void;
  /** It ended unasked and stays down, because another start cannot help. */
  gaveUp(exit: Exit): void;
  /** It ended because it was told to; `killed` when it had to be forced. */
  stopped(exit: Exit, killed: boolean): void;
}

export interface SupervisedProcessOptions {
  readonly program: Program;
  readonly launch: (program: Program) => ChildProcess;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly listener: ProcessListener;
  /** Milliseconds without a sign of life after which it is killed; 0: never. */
  readonly hangMs: number;
}

/** The exit status of a service whose configuration is wrong; a restart would fail the same way. */
const EXIT_CONFIGURATION = 2;

/** Times that a process is asked for a sign of life before it is killed: a supervisor that was stopped itself has not asked. */
const SIGNS_ASKED = 6;

/** Output that is still in the pipe when a process ends is waited for, but not for ever: a grandchild may hold the pipe. */
const OUTPUT_WAIT_MS = 500;

/** Keeps one process running until it is told to stop: idle → running ⇄ waiting → ended. */
export class SupervisedProcess {
  readonly #options: SupervisedProcessOptions;
  readonly #backoff = createRestartBackoff();
  #state: "idle" | "running" | "waiting" | "ended" = "idle";
  #child: ChildProcess | undefined;
  #restart: Timer | undefined;
  #startMs = 0;
  #wasReady = false;
  #startFailures = 0;
  #stopping = false;
  #killed = false;
  /** Asks for signs of life. */
  #watch: Timer | undefined;
  /** The process has answered that question once; one that knows no such question is left alone. */
  #answers = false;
  #unanswered = 0;
  readonly #ended = Promise.withResolvers<void>();

  constructor(options: SupervisedProcessOptions) {
    this.#options = options;
  }

  /** Resolves when no process runs and none will be started again. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** True once `ended` has resolved. */
  get hasEnded(): boolean {
    return this.#state === "ended";
  }

  /** Says something to the process; nothing happens where none runs. */
  tell(message: SupervisorMessage): void {
    if (this.#state === "running" && this.#child?.connected) this.#child.send(message, () => undefined);
  }

  /** Starts it; called once. */
  start(): void {
    if (this.#state === "idle") this.#launch();
  }

  /** Asks it to drain, and kills it when it has not ended after `timeoutMs`. Resolves when it has ended. */
  async stop(timeoutMs: number): Promise<void> {
    // A second signal would cut what the first lets finish.
    if (this.#stopping) return this.ended;
    this.#stopping = true;
    if (this.#state === "idle" || this.#state === "waiting") this.#end();
    if (this.#state === "running") {
      this.#child?.kill("SIGTERM");
      const deadline = this.#options.timers.after(timeoutMs, () => this.kill());
      await this.ended;
      deadline.cancel();
    }
  }

  /** Ends it at once. */
  kill(): void {
    this.#stopping = true;
    if (this.#state === "idle" || this.#state === "waiting") this.#end();
    if (this.#state === "running") {
      this.#killed = true;
      this.#child?.kill("SIGKILL");
    }
  }

  #launch(): void {
    const { program, clock, listener } = this.#options;
    this.#state = "running";
    this.#startMs = clock.monotonicMs();
    const child = this.#options.launch(program);
    this.#child = child;
    if (child.pid !== undefined) listener.started(identify(child.pid));
    child.stdout?.on("data", (chunk: Buffer) => listener.wrote("stdout", chunk));
    child.stderr?.on("data", (chunk: Buffer) => listener.wrote("stderr", chunk));
    child.on("message", (message) => {
      if (!isProgramMessage(message) || child !== this.#child) return;
      this.#unanswered = 0;
      if (message.type === "pong") this.#answers = true;
      if (message.type === "ready") {
        this.#wasReady = true;
        this.#askForSigns(child);
      }
      listener.said(message);
    });
    // Without a process there is no exit event: this is what a failed start looks like.
    child.on("error", (error) => {
      listener.wrote("stderr", Buffer.from(`${error.message}\n`));
      if (child.pid === undefined) this.#exited({ code: 1, signal: null });
    });
    child.on("exit", (code, signal) => {
      this.#watch?.cancel();
      let handled = false;
      const handle = (): void => {
        if (handled) return;
        handled = true;
        wait.cancel();
        this.#exited({ code, signal });
      };
      const wait = this.#options.timers.after(OUTPUT_WAIT_MS, handle);
      child.on("close", handle);
    });
  }

  /** Kills a process that was ready and does nothing any more: it may hold what others wait for, such as a store's write lock. */
  #askForSigns(child: ChildProcess): void {
    const { timers, hangMs, listener } = this.#options;
    this.#watch?.cancel();
    this.#answers = false;
    this.#unanswered = 0;
    if (hangMs === 0) return;
    this.#watch = timers.every(Math.ceil(hangMs / SIGNS_ASKED), () => {
      // A stop has its own end.
      if (this.#stopping) return;
      if (this.#unanswered >= SIGNS_ASKED) {
        this.#watch?.cancel();
        listener.hung(hangMs);
        child.kill("SIGKILL");
        return;
      }
      if (this.#answers) this.#unanswered++;
      this.tell({ type: "ping" });
    });
  }

  #exited(exit: Exit): void {
    const { clock, timers, listener } = this.#options;
    if (this.#stopping) {
      listener.stopped(exit, this.#killed);
      this.#end();
      return;
    }
    if (!this.#wasReady) this.#startFailures++;
    if (exit.code === EXIT_CONFIGURATION || this.#startFailures >= RESTART.startFailuresMax) {
      listener.gaveUp(exit);
      this.#end();
      return;
    }
    const delayMs = this.#backoff.nextDelayMs(clock.monotonicMs() - this.#startMs);
    this.#state = "waiting";
    listener.died(exit, delayMs);
    this.#restart = timers.after(delayMs, () => this.#launch());
  }

  #end(): void {
    this.#restart?.cancel();
    this.#state = "ended";
    this.#ended.resolve();
  }
}
