import { useEffect, useReducer, useRef } from 'react';

import { IEntry } from '../../tokens';
import { Pace } from './pace';

/** These rows, each changing at most four times a second. */
export function usePaced(entries: readonly IEntry[]): readonly IEntry[] {
  const pace = useRef(new Pace());
  const [, again] = useReducer((count: number) => count + 1, 0);
  const shown = pace.current.show(entries);
  const { wait } = pace.current;
  useEffect(() => {
    if (wait === Infinity) {
      return;
    }
    const timer = window.setTimeout(again, wait);
    return () => window.clearTimeout(timer);
  });
  return shown;
}
