import { useCallback, useSyncExternalStore } from 'react';

import { IStore } from '../tokens';

/** Draw again whenever something changed. */
export function useStore(store: IStore): number;
/**
 * Draw again when what is picked changed.
 *
 * @param pick - compared by Object.is, so it must not make a new object each time
 */
export function useStore<T>(store: IStore, pick: (store: IStore) => T): T;
export function useStore<T>(store: IStore, pick?: (store: IStore) => T): T | number {
  const turns = turnsOf(store);
  const subscribe = useCallback(
    (draw: () => void) => {
      store.changed.connect(draw);
      return () => {
        store.changed.disconnect(draw);
      };
    },
    [store]
  );
  return useSyncExternalStore<T | number>(subscribe, () => (pick ? pick(store) : turns.count));
}

/** Counted for each store and not for each component, so that nothing is missed while one mounts. */
const counted = new WeakMap<IStore, { count: number }>();

function turnsOf(store: IStore): { count: number } {
  const known = counted.get(store);
  if (known) {
    return known;
  }
  const turns = { count: 0 };
  counted.set(store, turns);
  store.changed.connect(() => turns.count++);
  return turns;
}
