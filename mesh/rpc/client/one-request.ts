/**
 * The one message of a request as often as it is asked for, taken from `input` when it is first asked for; what may come after it is
 * for nobody.
 */
export const replayable = <T>(input: AsyncIterable<T>): AsyncIterable<T> => {
  let first: Promise<IteratorResult<T>> | undefined;
  const take = async (): Promise<IteratorResult<T>> => {
    const iterator = input[Symbol.asyncIterator]();
    const taken = await iterator.next();
    // It is told that no more is wanted; what it makes of that concerns nobody.
    void Promise.try(() => iterator.return?.()).catch(() => undefined);
    return taken;
  };
  return {
    [Symbol.asyncIterator]() {
      let isGiven = false;
      return {
        next() {
          if (isGiven) return Promise.resolve({ done: true, value: undefined });
          isGiven = true;
          first ??= take();
          return first;
        },
      };
    },
  };
};
