import type { Store } from "../store/store.ts";

/** A store that says whether something is being written or read: a test lets time stand still meanwhile, which the disk takes. */
export interface WatchedStore {
  readonly store: Store;
  busy(): boolean;
}

/** The store, and whether it is busy. */
export const watchedStore = (store: Store): WatchedStore => {
  let jobs = 0;
  const watched = <T>(work: Promise<T>): Promise<T> => {
    jobs += 1;
    const settled = () => {
      jobs -= 1;
    };
    work.then(settled, settled);
    return work;
  };
  return {
    busy: () => jobs > 0,
    store: {
      read: (job) => watched(store.read(job)),
      write: (job, options) => watched(store.write(job, options)),
      findReply: (method, requestId) => watched(store.findReply(method, requestId)),
      onEvents: (listener) => store.onEvents(listener),
      backup: (path, progress) => store.backup(path, progress),
      close: () => store.close(),
    },
  };
};
