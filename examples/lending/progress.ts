import process from "node:process";

/** Counts work on stderr: in one line on a terminal, in four lines elsewhere. */
export const showProgress = (what: string, total: number): { step(): void } => {
  const { isTTY } = process.stderr;
  const every = isTTY ? 1 : Math.ceil(total / 4);
  let done = 0;
  return {
    step() {
      done++;
      if (done % every !== 0 && done !== total) return;
      const end = isTTY && done !== total ? "" : "\n";
      process.stderr.write(`${isTTY ? "\r" : ""}${what}: ${done} of ${total}${end}`);
    },
  };
};
