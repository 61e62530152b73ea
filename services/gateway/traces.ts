import { continueTrace } from "@heddle/mesh/observe";
import type { Random } from "@heddle/mesh/runtime";

/** Traces whose ids are drawn at once: the system's generator costs the same for one and for many. */
const DRAWN = 256;
/** Hex digits of a trace id and of a span id. */
const TRACE = 32;
const SPAN = 16;

/** Returns what makes the trace context of each call: the caller's trace, or a new one where it sent none (W3C Trace Context). */
export const createTraces = (random: Random): ((received: string | undefined) => string) => {
  let digits = "";
  let at = 0;
  return (received) => {
    if (received !== undefined) return continueTrace(received, random);
    if (at === digits.length) {
      digits = Buffer.from(random.bytes((DRAWN * (TRACE + SPAN)) / 2)).toString("hex");
      at = 0;
    }
    const span = at + TRACE;
    const end = span + SPAN;
    const traceparent = `00-${digits.slice(at, span)}-${digits.slice(span, end)}-01`;
    at = end;
    return traceparent;
  };
};
