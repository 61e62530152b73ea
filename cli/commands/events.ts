import { Command } from "commander";
import { deadLettersCommand } from "./events/dead-letters.ts";
import { eventsStatusCommand } from "./events/events-status.ts";
import { rebuildCommand } from "./events/rebuild.ts";
import { replayCommand } from "./events/replay.ts";
import { resumeCommand } from "./events/resume.ts";
import { skipCommand } from "./events/skip.ts";

/** `heddle events`: what services do with each other's events, and what an operator does about it. */
export const eventsCommand = (): Command => {
  const events = new Command("events").description(
    "Show how services follow each other's events, and mend what is stuck.",
  );
  for (const command of [
    eventsStatusCommand(),
    deadLettersCommand(),
    replayCommand(),
    skipCommand(),
    rebuildCommand(),
    resumeCommand(),
  ])
    events.addCommand(command.copyInheritedSettings(events));
  return events.addHelpText(
    "after",
    `
Examples:
  heddle events status
  heddle events dead-letters creditscore
  heddle events replay creditscore --key acc_01h…
  heddle events rebuild overview`,
  );
};
