import type { DescField, DescMessage, Message, MessageShape } from "@bufbuild/protobuf";
import { getOption, hasOption } from "@bufbuild/protobuf";
import { event as eventOption } from "@heddle/contracts/heddle/options/v1";
import { EVENT_KEY_CHARACTERS_MAX } from "./limits.ts";

/**
 * The key of an event: the value of the field that the option `heddle.options.v1.event` of its message names. Throws
 * TypeError when the message has no such option, when the option names no text or number, or when the value is empty: events
 * without a key have no order.
 */
export const eventKey = <E extends DescMessage>(event: E, message: MessageShape<E>): string => {
  let value: unknown = message;
  for (const field of keyFields(event)) value = (value as Message & Record<string, unknown>)?.[field.localName];
  const key = String(value ?? "");
  if (key === "" || key.length > EVENT_KEY_CHARACTERS_MAX) {
    const path = getOption(event, eventOption).key;
    throw new TypeError(
      `${event.typeName}: its key ${path} has ${key.length} characters; 1 to ${EVENT_KEY_CHARACTERS_MAX} are allowed.`,
    );
  }
  return key;
};

const known = new WeakMap<DescMessage, readonly DescField[]>();

/** The fields on the way to the key, resolved once per message. */
const keyFields = (event: DescMessage): readonly DescField[] => {
  const fields = known.get(event) ?? resolveKey(event);
  known.set(event, fields);
  return fields;
};

const resolveKey = (event: DescMessage): readonly DescField[] => {
  if (!hasOption(event, eventOption)) {
    throw new TypeError(
      `${event.typeName} is no event: add "option (heddle.options.v1.event) = {key: …}" to its contract.`,
    );
  }
  const path = getOption(event, eventOption).key;
  const fields: DescField[] = [];
  let message: DescMessage | undefined = event;
  for (const name of path.split(".")) {
    const field: DescField | undefined = message?.fields.find((candidate) => candidate.name === name);
    // A member of a oneof is not a property of its message.
    if (field === undefined || field.oneof !== undefined) throw badPath(event, path);
    fields.push(field);
    message = field.fieldKind === "message" ? field.message : undefined;
  }
  const last = fields.at(-1);
  if (last?.fieldKind !== "scalar") throw badPath(event, path);
  return fields;
};

const badPath = (event: DescMessage, path: string): TypeError =>
  new TypeError(`${event.typeName}: its event option names ${path}, which is no single text or number of the message.`);
