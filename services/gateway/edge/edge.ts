import type { DescMethod } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { ANONYMOUS, type Caller } from "@heddle/mesh/identity";
import type { HeaderList } from "@heddle/mesh/wire";

/** Calls as the edge sees them: all those that come with one header list from one peer. */
export interface EdgeCall {
  readonly method: DescMethod;
  readonly headers: HeaderList;
  /** The caller's `host:port`. */
  readonly peer: string;
  /** What checkpoints tell each other and the answer. */
  readonly facts: EdgeFacts;
}

/** What is known of a caller after the checkpoints have prepared. */
export interface EdgeFacts {
  /** Who makes the calls, as of the last check. Set by the first checkpoint; those behind it are prepared anew when it changes. */
  caller: Caller;
  /** Fields that every answer to the call gets, name and value in turn, such as `deprecation`. */
  readonly answerFields: string[];
  /** Looks at some of the requests; undefined: at none. */
  sampler: RequestSampler | undefined;
}

/** Looks at the requests of some calls, for what they hold. */
export interface RequestSampler {
  /** Whether it looks at the request of the call that was checked last. */
  readonly isDue: boolean;
  /** Looks at the first message of the request, in protobuf's bytes, which it does not keep. Throws nothing. */
  look(message: Uint8Array): void;
}

/** Decides one call; what it throws or rejects with never happens. Undefined lets it pass. */
export type Check = () => ConnectError | undefined;

/** One concern of the edge, such as access or rates. */
export interface Checkpoint {
  /**
   * Works out what each call with these headers is checked by: once per header list, since the wire hands out the same list for
   * the same headers of one connection. Undefined: nothing to check.
   */
  prepare(call: EdgeCall): Check | undefined;
}

/** What all calls with one header list go through, in order. */
export interface Passage {
  /** The error that refuses a call; undefined lets it pass. */
  check(): ConnectError | undefined;
  /** Tells of a call that was let pass and refused later, such as for want of an instance that takes another. */
  refused(error: ConnectError): void;
  /** As of the last check. */
  readonly answerFields: readonly string[];
  /** What the request of the call that was checked last is to be shown to. */
  readonly sampler: RequestSampler | undefined;
}

export interface Edge {
  prepare(call: { readonly method: DescMethod; readonly headers: HeaderList; readonly peer: string }): Passage;
}

export interface EdgeOptions {
  /** Hears of each refusal. */
  readonly refused?: (call: EdgeCall, error: ConnectError) => void;
  /** Changes whenever what was prepared may no longer hold, such as who the caller is. */
  readonly version?: () => number;
}

/** Puts checkpoints behind each other: the first that refuses ends it. */
export const createEdge = (checkpoints: readonly Checkpoint[], options: EdgeOptions = {}): Edge => {
  const { refused = () => undefined, version = () => 0 } = options;
  return {
    prepare({ method, headers, peer }) {
      let call: EdgeCall;
      let checks: readonly Check[];
      let preparedVersion: number;
      const prepare = (): void => {
        preparedVersion = version();
        call = { method, headers, peer, facts: { caller: ANONYMOUS, answerFields: [], sampler: undefined } };
        checks = checkpoints.map((checkpoint) => checkpoint.prepare(call)).filter((check) => check !== undefined);
      };
      prepare();
      return {
        check() {
          if (preparedVersion !== version()) prepare();
          for (const check of checks) {
            const refusal = check();
            if (refusal !== undefined) {
              refused(call, refusal);
              return refusal;
            }
          }
          return undefined;
        },
        refused: (error) => refused(call, error),
        get answerFields() {
          return call.facts.answerFields;
        },
        get sampler() {
          const { sampler } = call.facts;
          return sampler?.isDue ? sampler : undefined;
        },
      };
    },
  };
};
