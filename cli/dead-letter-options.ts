import { type Command, InvalidArgumentError, Option } from "commander";

/** Which dead letters a command is about. */
export interface DeadLetterChoice {
  readonly source?: string;
  readonly view?: string;
  readonly key?: string;
  readonly sequence?: bigint;
}

/** Adds the options that choose dead letters. */
export const addDeadLetterOptions = (
  command: Command,
  { withSequence }: { readonly withSequence: boolean },
): Command => {
  command
    .addOption(new Option("--source <service>", "only events that this service published"))
    .addOption(new Option("--view <view>", "only those of this view"))
    .addOption(new Option("--key <key>", "only those with this key, such as a customer's id"));
  return withSequence
    ? command.addOption(
        new Option("--sequence <number>", "only the event with this sequence").argParser(sequenceNumber),
      )
    : command;
};

/** A sequence as it is typed. */
export const sequenceNumber = (text: string): bigint => {
  if (!/^\d{1,18}$/.test(text)) throw new InvalidArgumentError("Write a whole number, such as 4711.");
  return BigInt(text);
};
