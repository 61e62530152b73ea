/** The sending half of a stream. */
export interface Outbound<T> {
  /** Queues a message; after `end` it is dropped. */
  push(message: T): void;
  /** Ends the stream once what is queued has been taken. */
  end(): void;
  /** What was pushed, in order. To be read once. */
  readonly messages: AsyncIterable<T>;
}

/** Turns calls of `push` into the async iterable that a client's stream asks for. */
export const createOutbound = <T>(): Outbound<T> => {
  const queue: T[] = [];
  let ended = false;
  let wake: () => void = () => undefined;
  return {
    push(message) {
      if (ended) return;
      queue.push(message);
      wake();
    },
    end() {
      ended = true;
      wake();
    },
    messages: {
      async *[Symbol.asyncIterator]() {
        for (;;) {
          while (queue.length > 0) yield queue.shift() as T;
          if (ended) return;
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      },
    },
  };
};
