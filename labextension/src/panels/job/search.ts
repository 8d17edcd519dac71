import * as React from 'react';

import { problemOf } from '../../api';
import { IKey, IStore } from '../../tokens';
import { LogBook } from './logbook';

/** Where the log holds what was sought, and at which of those places the person is. */
export interface IFound {
  readonly text: string;
  readonly numbers: readonly number[];
  readonly total: number;
  readonly complete: boolean;
  /** Index into `numbers`, or -1. */
  readonly at: number;
  readonly problem: string;
}

const NOTHING: IFound = { text: '', numbers: [], total: 0, complete: true, at: -1, problem: '' };
const SETTLING = 250;
/** How often one search goes on where the server stopped reading. */
const ROUNDS = 20;

export interface ISearch {
  readonly text: string;
  readonly found: IFound;
  type(text: string): void;
  /** To the next match, or the one before; the first time to the newest. */
  step(by: 1 | -1): void;
}

/** Search the whole log on the server, while the page holds a window of it. */
export function useSearch(
  store: IStore,
  key: IKey,
  book: LogBook,
  goTo: (number: number) => void
): ISearch {
  const [text, setText] = React.useState('');
  const [found, setFound] = React.useState(NOTHING);
  const rank = book.rank;
  React.useEffect(() => {
    if (text === '') {
      setFound(NOTHING);
      return;
    }
    let wanted = true;
    const timer = setTimeout(() => {
      void read(
        store,
        key,
        { text, rank },
        () => wanted,
        found =>
          // Who has stepped to a match already stays there while the rest is read.
          setFound(before => ({ ...found, at: before.text === found.text ? before.at : -1 }))
      );
    }, SETTLING);
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [store, key, text, rank]);
  const step = (by: 1 | -1): void => {
    const { numbers, at } = found;
    if (numbers.length === 0) {
      return;
    }
    const next = at < 0 ? numbers.length - 1 : (at + by + numbers.length) % numbers.length;
    setFound({ ...found, at: next });
    goTo(numbers[next]!);
  };
  return { text, found, type: setText, step };
}

async function read(
  store: IStore,
  key: IKey,
  of: { text: string; rank: number | undefined },
  wanted: () => boolean,
  tell: (found: IFound) => void
): Promise<void> {
  let numbers: number[] = [];
  let [total, after] = [0, 0];
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const matches = await store.search(key, { ...of, after });
      if (!wanted()) {
        return;
      }
      numbers = [...numbers, ...(matches.numbers ?? [])];
      total += matches.total ?? 0;
      const complete = Boolean(matches.complete);
      tell({ text: of.text, numbers, total, complete, at: -1, problem: '' });
      if (complete || (matches.searched ?? 0) <= after) {
        return;
      }
      after = matches.searched ?? after;
    }
  } catch (error) {
    if (wanted()) {
      tell({ ...NOTHING, text: of.text, problem: problemOf(error).what });
    }
  }
}
