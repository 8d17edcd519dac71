import { ServerConnection } from '@jupyterlab/services';
import { TranslationBundle } from '@jupyterlab/translation';
import { checkIcon } from '@jupyterlab/ui-components';
import React, { useEffect, useRef, useState } from 'react';

import { ApiError } from '../../api';
import { Serving } from '../../generated/wire';
import { problemText, said } from '../../sentences';
import { IStore } from '../../tokens';
import { choiceText } from './places';

interface ISwitcherProps {
  readonly id: string;
  readonly store: IStore;
  readonly serving: Serving;
  readonly trans: TranslationBundle;
  readonly onClose: () => void;
}

/** Chooses where jobs of notebooks to come run, and says what that does not change. */
export function Switcher({ id, store, serving, trans, onClose }: ISwitcherProps): JSX.Element {
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.querySelector('button')?.focus();
  }, []);
  const choose = async (source: string) => {
    setBusy(true);
    setError('');
    try {
      await store.choose(source);
      onClose();
    } catch (reason) {
      setError(refusalText(reason, trans));
      setBusy(false);
    }
  };
  const now = serving.source || serving.backend;
  const choices = serving.choices?.length ? serving.choices : [now];
  return (
    <div
      id={id}
      ref={list}
      className="cnai-Switcher"
      onKeyDown={event => event.key === 'Escape' && onClose()}
    >
      {choices.map(source => (
        <button
          key={source}
          type="button"
          className="cnai-Switcher-choice"
          aria-current={source === now}
          disabled={busy || (Boolean(serving.fixed) && source !== now)}
          onClick={() => (source === now ? onClose() : void choose(source))}
        >
          <span className="cnai-Switcher-check">
            {source === now && <checkIcon.react tag="span" width="16px" />}
          </span>
          <span className="cnai-Cut">{choiceText(source, store.places, trans)}</span>
        </button>
      ))}
      <p>{consequence(serving, trans)}</p>
      {error && (
        <p role="alert" className="cnai-Refusal">
          {error}
        </p>
      )}
    </div>
  );
}

function consequence(serving: Serving, trans: TranslationBundle): string {
  if (serving.fixed) {
    return trans.__(
      'The variable %1 of the server decides, so a switch here would change nothing.',
      'CNAI_BACKEND'
    );
  }
  return trans.__(
    'For notebooks started from now on. Kernels that have used the SDK keep the place they have, and jobs stay where they are.'
  );
}

/** Why something was refused, in the server's words where it has some. */
export function refusalText(reason: unknown, trans: TranslationBundle): string {
  if (reason instanceof ApiError) {
    return problemText(reason.refusal, trans);
  }
  if (reason instanceof Error && !(reason instanceof ServerConnection.NetworkError)) {
    return said(reason.message, trans);
  }
  return trans.__('The server does not answer. Nothing was changed.');
}
