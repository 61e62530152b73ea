/** A call that is on its way for several who asked the same. */
export interface Flight<O> {
  /** Everybody who waits gets the outcome. Once; what comes later, or when nobody waits any more, is dropped. */
  settle(outcome: O): void;
}

/** Lets those who ask the same at the same time share one call. */
export interface SharedCalls<O> {
  /**
   * Waits for the outcome of the key's call, and begins one where none is on its way: `begin` makes it and returns what calls it
   * off, used when the last who waits has left. `told` hears the outcome, once, unless the returned function was called before.
   *
   * @throws what `begin` throws; then nobody waits.
   */
  join(key: string, told: (outcome: O) => void, begin: (flight: Flight<O>) => () => void): () => void;
  /** Lets nobody join the calls that are on their way any more: what they bring is as of before. Who waits for them gets it. */
  part(): void;
  /** Calls on their way that can be joined. */
  readonly size: number;
}

interface Open<O> {
  readonly waiting: Set<(outcome: O) => void>;
  callOff: (() => void) | undefined;
  isOver: boolean;
}

export const sharedCalls = <O>(): SharedCalls<O> => {
  const flights = new Map<string, Open<O>>();
  const end = (key: string, open: Open<O>): void => {
    open.isOver = true;
    if (flights.get(key) === open) flights.delete(key);
  };

  const start = (key: string, told: (outcome: O) => void, begin: (flight: Flight<O>) => () => void): Open<O> => {
    const open: Open<O> = { waiting: new Set([told]), callOff: undefined, isOver: false };
    flights.set(key, open);
    const settle = (outcome: O): void => {
      if (open.isOver) return;
      end(key, open);
      const waiting = [...open.waiting];
      open.waiting.clear();
      for (const tell of waiting) tell(outcome);
    };
    try {
      const callOff = begin({ settle });
      // Who is told within `begin` may have left, and everybody else with it.
      if (!open.isOver) open.callOff = callOff;
    } catch (error) {
      end(key, open);
      open.waiting.clear();
      throw error;
    }
    return open;
  };

  return {
    join(key, told, begin) {
      // Each who waits is one, also where several hand in the same function.
      const tell = (outcome: O): void => told(outcome);
      const known = flights.get(key);
      known?.waiting.add(tell);
      const open = known ?? start(key, tell, begin);
      return () => {
        if (!open.waiting.delete(tell) || open.waiting.size > 0 || open.isOver) return;
        end(key, open);
        open.callOff?.();
      };
    },
    part: () => flights.clear(),
    get size() {
      return flights.size;
    },
  };
};
