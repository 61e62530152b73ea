import type { EndpointReport } from "@heddle/mesh/discovery";

/** How an instance does in the eyes of the gateway, for a person, such as `well, 3 calls on their way, answers in 4.2 ms`. */
export const conditionOf = ({ state, inFlight, latencyMs, penalty, why, ejectedForMs }: EndpointReport): string => {
  const calls = `${inFlight} ${inFlight === 1 ? "call" : "calls"} on ${inFlight === 1 ? "its" : "their"} way`;
  switch (state) {
    case "ejected":
      return ejectedForMs === 0
        ? `gets one call to try it: ${why}`
        : `gets no calls for ${Math.ceil((ejectedForMs ?? 0) / 1_000)} s: ${why}`;
    case "probed":
      return `is tried by one call: ${why}`;
    case "warming":
    case "well":
      return [
        state === "well" ? "well" : "new, with a growing share",
        calls,
        ...(latencyMs === undefined ? [] : [`answers in ${Number(latencyMs.toPrecision(2))} ms`]),
        // Less than that nobody notices.
        ...(penalty < 1.05 ? [] : [`${Number(penalty.toPrecision(2))} times as dear for what has failed`]),
      ].join(", ");
  }
};
