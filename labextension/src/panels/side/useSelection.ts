import { useCallback, useMemo, useRef, useState } from 'react';

import { IEntry, keyText } from '../../tokens';

export interface ISelection {
  /** The selected rows that are shown, in their order. */
  readonly entries: readonly IEntry[];
  readonly keys: ReadonlySet<string>;
  toggle(index: number): void;
  /** From where the last one was toggled to here. */
  extend(from: number, to: number): void;
  all(): void;
  readonly clear: () => void;
}

/** Which rows are selected; a row that is not shown is never among them. */
export function useSelection(shown: readonly IEntry[]): ISelection {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const anchor = useRef<string | null>(null);
  const entries = useMemo(
    () => (chosen.size ? shown.filter(entry => chosen.has(keyText(entry))) : []),
    [shown, chosen]
  );
  const keys = useMemo(() => new Set(entries.map(keyText)), [entries]);
  const toggle = (index: number) => {
    const entry = shown[index];
    if (entry) {
      const next = new Set(keys);
      const key = keyText(entry);
      if (!next.delete(key)) {
        next.add(key);
      }
      anchor.current = key;
      setChosen(next);
    }
  };
  const extend = (from: number, to: number) => {
    const begun = shown.findIndex(entry => keyText(entry) === anchor.current);
    const start = keys.size > 0 && begun >= 0 ? begun : from;
    anchor.current = shown[start] ? keyText(shown[start]) : null;
    const range = shown.slice(Math.min(start, to), Math.max(start, to) + 1);
    setChosen(new Set(range.map(keyText)));
  };
  const all = () => setChosen(new Set(shown.map(keyText)));
  const clear = useCallback(() => setChosen(new Set()), []);
  return { entries, keys, toggle, extend, all, clear };
}
