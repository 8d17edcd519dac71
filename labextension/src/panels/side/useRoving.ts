import { RefObject, useCallback, useLayoutEffect, useRef, useState } from 'react';

import { IEntry, keyText } from '../../tokens';

interface IRoving {
  /** The index of the one row that Tab reaches; -1 in an empty list. */
  readonly at: number;
  /** Make this row that one, and give it the focus. */
  readonly go: (index: number) => void;
}

/** One row of the list takes the focus; when it goes, the next one has it. */
export function useRoving(entries: readonly IEntry[], grid: RefObject<HTMLElement>): IRoving {
  const [key, setKey] = useState('');
  const last = useRef(0);
  const wanted = useRef(false);
  const inside = useRef(false);
  const found = key ? entries.findIndex(entry => keyText(entry) === key) : -1;
  const at = found >= 0 ? found : Math.min(last.current, entries.length - 1);
  const lost = key !== '' && found < 0;
  last.current = Math.max(at, 0);
  useLayoutEffect(() => {
    if (lost) {
      wanted.current = wanted.current || inside.current;
      const next = entries[at];
      setKey(next ? keyText(next) : '');
    }
  });
  useLayoutEffect(() => {
    if (wanted.current && !lost) {
      wanted.current = false;
      rowOf(grid.current, key)?.focus({ preventScroll: true });
    }
  });
  useLayoutEffect(() => follow(grid.current, inside, setKey), []);
  const latest = useRef(entries);
  latest.current = entries;
  const go = useCallback((index: number) => {
    const entry = latest.current[index];
    if (entry) {
      const row = rowOf(grid.current, keyText(entry));
      // A row that is not in the window yet has it once it is drawn, and none has it twice: by the
      // next drawing the focus may be elsewhere.
      wanted.current = !row;
      setKey(keyText(entry));
      row?.focus({ preventScroll: true });
    }
  }, []);
  return { at, go };
}

/** Notes whether the focus is in the list. A row that is removed takes it away without an event. */
function follow(
  grid: HTMLElement | null,
  inside: { current: boolean },
  setKey: (key: string) => void
): (() => void) | undefined {
  const enter = (event: FocusEvent) => {
    inside.current = true;
    const row = (event.target as Element).closest<HTMLElement>('[data-key]');
    if (row?.dataset.key) {
      setKey(row.dataset.key);
    }
  };
  const leave = (event: FocusEvent) => {
    const to = event.relatedTarget as Node | null;
    // Without a target the focused row may just have been removed.
    inside.current = to ? (grid?.contains(to) ?? false) : !(event.target as Node).isConnected;
  };
  grid?.addEventListener('focusin', enter);
  grid?.addEventListener('focusout', leave);
  return () => {
    grid?.removeEventListener('focusin', enter);
    grid?.removeEventListener('focusout', leave);
  };
}

function rowOf(grid: HTMLElement | null, key: string): HTMLElement | undefined {
  const rows = grid?.querySelectorAll<HTMLElement>('[data-key]') ?? [];
  return [...rows].find(row => row.dataset.key === key);
}
