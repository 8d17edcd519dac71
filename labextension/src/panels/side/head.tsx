import { TranslationBundle } from '@jupyterlab/translation';
import { caretDownIcon } from '@jupyterlab/ui-components';
import React, { useId, useRef, useState } from 'react';

import { PlaceMark } from '../../parts/marks';
import { useStore } from '../../parts/useStore';
import { IStore } from '../../tokens';
import { placeParts, servingPlace, whyText } from './places';
import { Standing } from './standing';
import { Switcher } from './switcher';

interface IHeadProps {
  readonly store: IStore;
  readonly trans: TranslationBundle;
}

/** Where jobs go and why, the switch to another place, and what is wrong with it. */
export function Head({ store, trans }: IHeadProps): JSX.Element {
  useStore(store);
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  const place = servingPlace(store);
  const { serving } = store;
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  return (
    <section className="cnai-Head" aria-label={trans.__('Backend')}>
      {place && serving && (
        <div className="cnai-Backend">
          <PlaceMark source={place.source} size={16} trans={trans} />
          <button
            ref={button}
            type="button"
            className="cnai-Backend-name"
            aria-expanded={open}
            aria-controls={id}
            onClick={() => setOpen(!open)}
          >
            <PlaceName parts={placeParts(place.source, trans)} />
            <caretDownIcon.react tag="span" width="16px" />
          </button>
          <span className="cnai-Backend-why cnai-Cut" title={whyText(serving, trans)}>
            {whyText(serving, trans)}
          </span>
        </div>
      )}
      {open && serving && (
        <Switcher id={id} store={store} serving={serving} trans={trans} onClose={close} />
      )}
      <Standing store={store} trans={trans} />
    </section>
  );
}

function PlaceName({ parts: [who, at] }: { parts: [string, string] }): JSX.Element {
  return (
    <>
      <b className="cnai-Cut" title={who}>
        <bdi>{who}</bdi>
      </b>
      {at && <span className="cnai-Backend-at cnai-Cut">{at}</span>}
    </>
  );
}
