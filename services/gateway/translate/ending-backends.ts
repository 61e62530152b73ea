import type { ConnectError, StreamResponse, Transport } from "@connectrpc/connect";
import type { Endless, EndlessCalls } from "../relay/endless-calls.ts";
import type { Backends } from "./backends.ts";

/** Backends whose streams end when the gateway drains: their callers are told why, and go on elsewhere. */
export const endingBackends = (backends: Backends, endless: EndlessCalls): Backends => ({
  transportFor: (method, call) => ending(backends.transportFor(method, call), endless),
});

const ending = (transport: Transport, endless: EndlessCalls): Transport => ({
  unary: (...call) => transport.unary(...call),
  async stream(method, signal, ...rest) {
    if (method.methodKind === "client_streaming") return transport.stream(method, signal, ...rest);
    const call = new EndlessStream(endless);
    try {
      const response = await transport.stream(method, call.with(signal), ...rest);
      return {
        stream: true,
        service: response.service,
        method,
        header: response.header,
        message: call.until(response.message),
        // Filled when the messages have ended.
        get trailer() {
          return response.trailer;
        },
      } satisfies StreamResponse<typeof method.input, typeof method.output>;
    } catch (error) {
      throw call.over(error);
    }
  },
});

class EndlessStream implements Endless {
  readonly #endless: EndlessCalls;
  readonly #controller = new AbortController();
  #reason: ConnectError | undefined;

  constructor(endless: EndlessCalls) {
    this.#endless = endless;
    endless.add(this);
  }

  interrupt(reason: ConnectError): void {
    this.#reason = reason;
    this.#controller.abort(reason);
  }

  with(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#controller.signal : AbortSignal.any([signal, this.#controller.signal]);
  }

  /** The call has ended. Returns what its caller is told in place of an error. */
  over(error: unknown): unknown {
    this.#endless.delete(this);
    return this.#reason ?? error;
  }

  /** The messages, until they end; no generator, which would not let go of messages that nobody has begun to take. */
  until<T>(messages: AsyncIterable<T>): AsyncIterable<T> {
    return {
      [Symbol.asyncIterator]: () => {
        const iterator = messages[Symbol.asyncIterator]();
        return {
          next: async () => {
            try {
              const result = await iterator.next();
              if (result.done) this.#endless.delete(this);
              return result;
            } catch (error) {
              throw this.over(error);
            }
          },
          return: async () => {
            this.#endless.delete(this);
            return (await iterator.return?.()) ?? { done: true, value: undefined };
          },
        };
      },
    };
  }
}
