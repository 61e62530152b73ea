import type { ConnectError } from "@connectrpc/connect";
import { Code } from "@connectrpc/connect";
import { fail, reasons } from "./fail.ts";
import { nearestName } from "./nearest-name.ts";

/**
 * UNIMPLEMENTED `METHOD_UNKNOWN`: nobody here serves `method`; names the nearest of those that are served.
 *
 * @param method What was called, as `order.v1.OrderService/GetOrdr`.
 * @param known What could have been called, in the same form.
 * @param domain The package that answers, for instance `heddle.registry.v1`.
 */
export const unknownMethod = (method: string, known: Iterable<string>, domain: string): ConnectError => {
  const reason = reasons(domain);
  const nearest = nearestName(method, known);
  return nearest === undefined
    ? fail(reason("METHOD_UNKNOWN", Code.Unimplemented, "{method} does not exist here."), { method })
    : fail(reason("METHOD_UNKNOWN", Code.Unimplemented, "{method} does not exist here; did you mean {nearest}?"), {
        method,
        nearest,
      });
};
