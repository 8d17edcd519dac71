import { useCallback, useRef, useSyncExternalStore } from 'react';

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
  const drawn = useRef(0);
  const subscribe = useCallback(
    (draw: () => void) => {
      const changed = (): void => {
        drawn.current++;
        draw();
      };
      store.changed.connect(changed);
      return () => {
        store.changed.disconnect(changed);
      };
    },
    [store]
  );
  return useSyncExternalStore<T | number>(subscribe, () => (pick ? pick(store) : drawn.current));
}
