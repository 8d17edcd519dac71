import { TranslationBundle } from '@jupyterlab/translation';
import React, { useState } from 'react';

import { Field } from '../../parts/field';
import { Fits, ISize } from '../../parts/fit';
import { IPlace, IStore } from '../../tokens';

interface IWhatIfProps {
  readonly store: IStore;
  readonly place: IPlace;
  readonly trans: TranslationBundle;
}

/** Would so many jobs of a size start? */
export function WhatIf({ store, place, trans }: IWhatIfProps): JSX.Element {
  const [size, setSize] = useState<ISize>({
    ...{ count: '1', workers: '1', cpu: '', memory: '', gpu: '' }
  });
  const [refused, setRefused] = useState<keyof ISize | ''>('');
  const field = (name: keyof ISize, label: string, hint: string) => (
    <Field
      label={label}
      hint={hint}
      value={size[name]}
      wrong={refused === name}
      onChange={value => setSize({ ...size, [name]: value })}
    />
  );
  return (
    <section className="cnai-WhatIf" aria-label={trans.__('Would it fit?')}>
      <div className="cnai-WhatIf-grid">
        {field('count', trans.__('Jobs'), '1')}
        {field('workers', trans.__('Workers each'), '1')}
        {field('gpu', trans.__('GPU each'), trans.__('none'))}
        {field('memory', trans.__('Memory each'), trans.__('shared'))}
        {field('cpu', trans.__('CPU each'), trans.__('shared'))}
      </div>
      <p className="cnai-WhatIf-said" role="status">
        <Fits {...{ store, place, size, trans }} onRefused={setRefused} />
      </p>
    </section>
  );
}
