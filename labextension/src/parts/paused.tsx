import { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { IStore } from '../tokens';
import { minuteText } from '../words';

interface IPausedProps {
  readonly store: IStore;
  readonly trans: TranslationBundle;
}

/**
 * Says of a page that is looked at without input that it stands still, and how it goes on.
 *
 * Of a page that is hidden nobody has to be told: it goes on as it comes into sight.
 */
export function Paused({ store, trans }: IPausedProps): JSX.Element | null {
  if (store.connection !== 'resting' || document.visibilityState === 'hidden') {
    return null;
  }
  return (
    <p className="cnai-Paused" role="status">
      {trans.__('Paused since %1 · goes on when you move the mouse', minuteText(store.asOf))}
    </p>
  );
}
