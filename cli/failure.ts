import { EXIT } from "./exit-code.ts";

/** Ends a command: printed as one message and the next step, without a stack, and turned into the exit status. */
export class Failure extends Error {
  readonly exitCode: number;
  /** What to do now, in one line. */
  readonly next: string | undefined;

  constructor(message: string, options: { next?: string; exitCode?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = "Failure";
    this.next = options.next;
    this.exitCode = options.exitCode ?? EXIT.failed;
  }
}

/** A command that was called the wrong way. */
export const usageFailure = (message: string, next?: string): Failure =>
  new Failure(message, { exitCode: EXIT.usage, ...(next === undefined ? {} : { next }) });
