import { useCallback, useEffect, useMemo, useReducer, useRef, useState } from 'react';

import { IChanges, IStore } from '../../tokens';
import { Arrangement, IArranged } from './arrangement';
import { IQuery } from './query';

type Reason = 'scrolled' | 'hovered' | 'focused';

export interface IHeldList extends IArranged {
  /** Somebody looks at the list closely, or no longer does. */
  hold(reason: Reason, on: boolean): void;
  /** Nobody does: the list is not there any more, of which pointer and focus tell nothing. */
  readonly leave: () => void;
  /** Show what waits. */
  release(): void;
}

/** The jobs in the order of the list, followed as the store changes. */
export function useArranged(store: IStore, query: IQuery): IHeldList {
  const [version, follow] = useReducer((count: number) => count + 1, 0);
  const reasons = useRef(new Set<Reason>());
  const [held, setHeld] = useState(false);
  const released = useRef(false);
  const arrangement = useRef(new Arrangement());
  useEffect(() => {
    const hear = (_: IStore, changes: IChanges) => {
      const rows = changes.rows === null || changes.rows.size > 0;
      if (rows || changes.places || changes.connection || changes.quota) {
        follow();
      }
    };
    store.changed.connect(hear);
    follow(); // what came while the list was mounted
    return () => {
      store.changed.disconnect(hear);
    };
  }, [store]);
  const arranged = useMemo(() => {
    const free = released.current;
    released.current = false;
    return arrangement.current.arrange(store.entries, query, held && !free);
  }, [store, query, held, version]);
  const hold = useCallback((reason: Reason, on: boolean) => {
    reasons.current[on ? 'add' : 'delete'](reason);
    setHeld(reasons.current.size > 0);
  }, []);
  const leave = useCallback(() => {
    reasons.current.clear();
    setHeld(false);
  }, []);
  const release = useCallback(() => {
    released.current = true;
    follow();
  }, []);
  return { ...arranged, hold, leave, release };
}
