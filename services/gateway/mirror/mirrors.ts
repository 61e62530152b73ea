import type { DescMethod } from "@bufbuild/protobuf";
import { ConnectError, type Transport } from "@connectrpc/connect";
import { methodName } from "@heddle/mesh/contract";
import type { LiveRules } from "@heddle/mesh/policy";
import { plainVersion } from "@heddle/mesh/policy";
import type { Clock, Timers } from "@heddle/mesh/runtime";
import { HeaderList, type HttpStream } from "@heddle/mesh/wire";
import type { Relay } from "../relay/relay.ts";
import { CollectedAnswer, type Ending } from "../replies/collected-answer.ts";
import { DEADLINE_GRACE_MS } from "../replies/share-replies.ts";
import type { MethodRoute } from "../routing/method-route.ts";
import { type AnswerShape, compareAnswers, shapeOfAnswer, shapeOfMessage } from "./compare-answers.ts";
import { type Compared, type Comparisons, createComparisons } from "./comparisons.ts";
import { COPIES_MAX } from "./limits.ts";
import { type WatchedCall, WatchedExchange } from "./watched-exchange.ts";

/** Where the copy of a call goes. */
export interface CopyTo {
  /** The service's name, such as `order`. */
  readonly service: string;
  /** Without a `v` before it. */
  readonly version: string;
}

/**
 * Copies calls to another version, and compares the answers by their shape. A copy is made when its caller has been answered, in a
 * turn of its own: it can neither delay nor fail the call, passes no edge, and is counted for nobody.
 */
export interface Mirrors {
  /** The exchange of a relayed unary call; when it is over, a copy is sent. */
  watched(
    stream: HttpStream,
    call: { readonly headers: HeaderList; readonly method: MethodRoute; readonly to: CopyTo; readonly relay: Relay },
  ): HttpStream;
  /** The transport of translated calls; when one is over, it is made again by `copies`. */
  transport(primary: Transport, copies: Transport, to: CopyTo): Transport;
  readonly comparisons: Pick<Comparisons, "list">;
}

/** Tells an instance that a call is a copy, whose answer nobody gets. */
const MIRRORED_HEADER = "heddle-mirrored";

export const createMirrors = ({
  live,
  clock,
  timers,
}: {
  readonly live: LiveRules;
  readonly clock: Pick<Clock, "now">;
  readonly timers: Pick<Timers, "afterTurn">;
}): Mirrors => {
  const comparisons = createComparisons(clock);
  let copies = 0;
  live.watch(() => {
    const mirrored = live.list().flatMap(({ action }) => (action?.kind.case === "mirror" ? [action.kind.value] : []));
    comparisons.keep(({ service, version }) =>
      mirrored.some((each) => each.service === service && plainVersion(each.version) === version),
    );
  });

  const comparedOf = (method: DescMethod, { service, version }: CopyTo): Compared => ({
    service,
    version,
    method: methodName(method),
  });
  /** Takes a place among the copies; what it returns is called once when the copy is over. Undefined when there is none. */
  const enter = (what: Compared): ((told?: AnswerShape, copy?: AnswerShape) => void) | undefined => {
    if (copies >= COPIES_MAX) {
      comparisons.skipped(what);
      return undefined;
    }
    copies++;
    return (told, copy) => {
      copies--;
      const differences = told && copy && compareAnswers(told, copy);
      if (differences === undefined) comparisons.skipped(what);
      else comparisons.compared(what, differences);
    };
  };

  return {
    comparisons,
    watched(stream, { headers, method, to, relay }) {
      const over = enter(comparedOf(method.method, to));
      if (over === undefined) return stream;
      const copy = (call: WatchedCall): void => {
        const candidate = method.pick(undefined, to.version);
        if (candidate === undefined) {
          over();
          return;
        }
        const answer = new CollectedAnswer(stream.peer, (ending: Ending) => {
          if (typeof ending === "number") over();
          else over(shapeOfAnswer(method.method, call.answer), shapeOfAnswer(method.method, ending));
        });
        const list = new HeaderList([...headers.fields, MIRRORED_HEADER, "1"]);
        const isBare = call.body.length === 0;
        try {
          relay.send(answer, list, isBare, {
            service: method.service,
            candidate,
            isUnary: true,
            timeoutMs: method.capMs === undefined ? undefined : method.capMs + DEADLINE_GRACE_MS,
            requestBytesMax: method.requestBytesMax,
            answerFields: [],
          });
        } catch {
          // The address is none; the caller has its answer.
          over();
          return;
        }
        if (!isBare) answer.handler.onData(call.body, true);
      };
      return new WatchedExchange(stream, (call) => {
        if (call === undefined) over();
        else timers.afterTurn(() => copy(call));
      });
    },
    transport: (primary, copying, to) => ({
      stream: (...call) => primary.stream(...call),
      async unary(method, signal, timeoutMs, header, input, values) {
        const over = enter(comparedOf(method, to));
        const asked = primary.unary(method, signal, timeoutMs, header, input, values);
        if (over === undefined) return asked;
        const shape = (call: typeof asked): Promise<AnswerShape> =>
          call.then(
            ({ message }) => shapeOfMessage(method, message),
            (error: unknown) => ({ code: ConnectError.from(error).code, fields: undefined }),
          );
        const copy = async (): Promise<void> => {
          const told = await shape(asked);
          await new Promise<void>((resolve) => timers.afterTurn(resolve));
          const headers = new Headers(header);
          headers.set(MIRRORED_HEADER, "1");
          over(told, await shape(copying.unary(method, undefined, timeoutMs, headers, input)));
        };
        // Whatever becomes of the copy, the caller hears nothing of it.
        void copy().catch(() => over());
        return asked;
      },
    }),
  };
};
