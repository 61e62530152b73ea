/**
 * A function of an object that is asked for the same object again and again, once computed. A set that a peer made up may
 * have 100,000 fields that all refer to one thing, which must not be searched 100,000 times.
 */
export const memo = <K extends object, V>(compute: (key: K) => V): ((key: K) => V) => {
  const known = new WeakMap<K, { readonly value: V }>();
  return (key) => {
    let entry = known.get(key);
    if (entry === undefined) {
      entry = { value: compute(key) };
      known.set(key, entry);
    }
    return entry.value;
  };
};
