import { useEffect, useRef } from 'react';

import { IEntry, IStore } from '../../tokens';

const SETTLES = 100;
const MOST = 200;

/** Tells the store which rows are on the screen, once scrolling has settled. */
export function useLook(store: IStore, entries: readonly IEntry[]): void {
  const looked = useRef(new Map<string, string>());
  const wanted = bySource(entries);
  const text = JSON.stringify([...wanted]);
  useEffect(() => {
    const timer = window.setTimeout(() => {
      for (const source of new Set([...looked.current.keys(), ...wanted.keys()])) {
        const ids = wanted.get(source) ?? [];
        if (looked.current.get(source) !== ids.join()) {
          looked.current.set(source, ids.join());
          store.look(source, ids);
        }
      }
    }, SETTLES);
    return () => window.clearTimeout(timer);
  }, [store, text]);
  useEffect(
    () => () => {
      looked.current.forEach((_, source) => store.look(source, []));
      looked.current.clear();
    },
    [store]
  );
}

function bySource(entries: readonly IEntry[]): Map<string, string[]> {
  const ids = new Map<string, string[]>();
  for (const { source, id } of entries.slice(0, MOST)) {
    ids.set(source, [...(ids.get(source) ?? []), id]);
  }
  return ids;
}
