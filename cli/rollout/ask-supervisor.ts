import { connect } from "node:net";
import { createInterface } from "node:readline";
import type { DataFolder } from "../data-folder.ts";
import { Failure } from "../failure.ts";
import { readState, supervisorLives } from "../state-file.ts";
import type { ControlReply, ControlRequest, ControlResult, Step } from "./control-messages.ts";

/**
 * Asks the supervisor of a data folder to do something; `onStep` hears of each step. Resolves when it was done or rolled back. What was
 * asked goes on when this process ends before.
 *
 * @throws Failure when nothing runs there, or the supervisor says why it will not.
 */
export const askSupervisor = async (
  folder: DataFolder,
  request: ControlRequest,
  onStep: (step: Step) => void,
): Promise<Extract<ControlResult, { type: "done" }>> => {
  const state = readState(folder.stateFile);
  if (state === undefined || !supervisorLives(state)) {
    throw new Failure(`No mesh runs on ${folder.path}.`, {
      next: "heddle up starts one; --data names another folder.",
    });
  }
  const connection = connect(folder.controlSocket);
  const result = Promise.withResolvers<ControlResult>();
  connection.once("error", (error) =>
    result.reject(
      new Failure(`The supervisor cannot be reached at ${folder.controlSocket}: ${error.message}.`, {
        next: "heddle status shows what runs; a mesh in a single process has no such door.",
        cause: error,
      }),
    ),
  );
  connection.write(`${JSON.stringify(request)}\n`);
  const lines = createInterface({ input: connection });
  lines.on("line", (line) => {
    const reply = JSON.parse(line) as ControlReply;
    if (reply.type === "step") onStep(reply.step);
    else result.resolve(reply);
  });
  connection.once("close", () =>
    result.reject(
      new Failure("The supervisor ended before it was done.", { next: "heddle rollout status shows where it is." }),
    ),
  );
  const ended = await result.promise.finally(() => connection.destroy());
  if (ended.type === "done") return ended;
  throw new Failure(ended.message, ended.next === undefined ? {} : { next: ended.next });
};
