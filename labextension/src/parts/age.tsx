import { TranslationBundle } from '@jupyterlab/translation';
import React, { useSyncExternalStore } from 'react';

import { IStore } from '../tokens';
import { ageText, dateText } from '../words';

interface IAge {
  readonly store: IStore;
  /** Unix seconds. */
  readonly since: number;
  readonly trans: TranslationBundle;
}

/** How long ago, with the full date in the title. While nothing is heard, ages stop. */
export function AgeText({ store, since, trans }: IAge): JSX.Element {
  useClock(store.now() - since >= 60);
  const stopped = store.connection === 'stale' || store.connection === 'gone';
  const now = stopped ? store.asOf : store.now();
  return (
    <time
      className="cnai-Age"
      dateTime={new Date(since * 1000).toISOString()}
      title={dateText(since, trans)}
    >
      {ageText(now - since, trans)}
    </time>
  );
}

/** Draws again each second, or each minute; one timer serves all. */
function useClock(slow: boolean): void {
  useSyncExternalStore(clock.subscribe, () => (slow ? clock.minutes : clock.seconds));
}

/** Counts while somebody listens and the page can be seen; on return, at once. */
class Clock {
  seconds = 0;
  minutes = 0;

  readonly subscribe = (draw: () => void): (() => void) => {
    this._draws.add(draw);
    if (this._draws.size === 1) {
      this._timer = window.setInterval(this._tick, 1000);
      document.addEventListener('visibilitychange', this._returned);
    }
    return () => {
      this._draws.delete(draw);
      if (!this._draws.size) {
        window.clearInterval(this._timer);
        document.removeEventListener('visibilitychange', this._returned);
      }
    };
  };

  private readonly _tick = (): void => {
    if (document.visibilityState === 'hidden') {
      return;
    }
    this.seconds++;
    if (this.seconds % 60 === 0) {
      this.minutes++;
    }
    this._draws.forEach(draw => draw());
  };

  private readonly _returned = (): void => {
    this.minutes++;
    this._tick();
  };

  private readonly _draws = new Set<() => void>();
  private _timer: number | undefined;
}

const clock = new Clock();
