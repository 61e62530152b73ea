/** Tells those who watch an order, in this process, that it has changed. */
export interface OrderNotifier {
  /** Calls `wake` after each change of the order, until the returned function is called. */
  listen(orderId: string, wake: () => void): () => void;
  notify(orderId: string): void;
}

export const orderNotifier = (): OrderNotifier => {
  const watching = new Map<string, Set<() => void>>();
  return {
    listen(orderId, wake) {
      const watchers = watching.get(orderId) ?? new Set();
      watching.set(orderId, watchers.add(wake));
      return () => {
        watchers.delete(wake);
        if (watchers.size === 0 && watching.get(orderId) === watchers) watching.delete(orderId);
      };
    },
    notify(orderId) {
      for (const wake of watching.get(orderId) ?? []) wake();
    },
  };
};
