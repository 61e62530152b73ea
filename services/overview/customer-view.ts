import type { View } from "@heddle/mesh/events";
import { SOURCES, sourceFrom } from "./sources.ts";
import type { ViewStore } from "./store.ts";
import { foldEffects, NOTHING_KNOWN, subjectsOf } from "./view.ts";
import { effectOf, type ViewPayload } from "./view-effects.ts";

/** The name of the view in commands: `heddle events rebuild overview`. */
export const VIEW_NAME = "overview";

/** The view of all customers, as the runtime feeds it. A batch of events reads what it needs once, and writes each row once. */
export const customerView = (views: ViewStore): View => ({
  name: VIEW_NAME,
  sources: SOURCES.map(({ from, events }) => ({ from, events })),
  async apply(tx, generation, received) {
    const [first] = received;
    if (first === undefined) return;
    const source = sourceFrom(first.source);
    // The runtime delivers the types alone that the sources name.
    const effects = received.map(({ message, createTime }) => effectOf(message as ViewPayload, createTime));
    const known = source.buildsOnPart ? await views.known(tx, generation, source, subjectsOf(effects)) : NOTHING_KNOWN;
    await views.put(tx, generation, source, foldEffects(known, effects));
  },
  drop: (tx, generation, rowsMax) => views.drop(tx, generation, rowsMax),
});
