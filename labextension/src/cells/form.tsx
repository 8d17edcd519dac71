import { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import { ISignal, Signal } from '@lumino/signaling';
import React, { useState } from 'react';

import { Field } from '../parts/field';
import { Fits } from '../parts/fit';
import { IPlace, IStore } from '../tokens';
import { IFunction } from './python';
import { emptyWish, IWish, problems, trainCall } from './wish';

/** The form of 'Train this function', and the line that it stands for. */
export class TrainForm extends ReactWidget {
  constructor(
    private readonly _fn: IFunction,
    private readonly _store: IStore,
    private readonly _place: IPlace | null,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('cnai-TrainForm');
    this._wish = emptyWish(_fn);
  }

  get ready(): boolean {
    return problems(this._fn, this._wish, this._trans).size === 0;
  }

  /** Ready, or not any more. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The line of code. */
  getValue(): string {
    return trainCall(this._fn, this._wish);
  }

  protected render(): JSX.Element {
    return (
      <Fields
        fn={this._fn}
        store={this._store}
        place={this._place}
        trans={this._trans}
        tell={wish => {
          this._wish = wish;
          this._changed.emit();
        }}
      />
    );
  }

  private _wish: IWish;
  private readonly _changed = new Signal<this, void>(this);
}

function Fields(props: {
  readonly fn: IFunction;
  readonly store: IStore;
  readonly place: IPlace | null;
  readonly trans: TranslationBundle;
  readonly tell: (wish: IWish) => void;
}): JSX.Element {
  const { fn, store, place, trans, tell } = props;
  const [wish, setWish] = useState(() => emptyWish(fn));
  const wrong = problems(fn, wish, trans);
  const set = (part: Partial<IWish>): void => {
    const next = { ...wish, ...part };
    setWish(next);
    tell(next);
  };
  const first = [...wrong.values()][0];
  return (
    <>
      <div className="cnai-TrainForm-grid">
        <Field
          label={trans.__('Workers')}
          value={wish.workers}
          wrong={wrong.has('workers')}
          onChange={workers => set({ workers })}
        />
        <Field
          label={trans.__('CPU each')}
          value={wish.cpu}
          hint={trans.__('shared')}
          wrong={wrong.has('cpu')}
          onChange={cpu => set({ cpu })}
        />
        <Field
          label={trans.__('Memory each')}
          value={wish.memory}
          hint={trans.__('shared')}
          wrong={wrong.has('memory')}
          onChange={memory => set({ memory })}
        />
        <Field
          label={trans.__('GPU each')}
          value={wish.gpu}
          hint={trans.__('none')}
          wrong={wrong.has('gpu')}
          onChange={gpu => set({ gpu })}
        />
      </div>
      {fn.parameters.length > 0 && (
        <div className="cnai-TrainForm-grid">
          {fn.parameters.map(({ name }) => (
            <Field
              key={name}
              label={name}
              value={wish.args[name] ?? ''}
              wrong={wrong.has(name)}
              code
              onChange={typed => set({ args: { ...wish.args, [name]: typed } })}
            />
          ))}
        </div>
      )}
      <p className="cnai-TrainForm-said" role="status">
        {first ?? (place && <Fits {...{ store, place, trans }} size={{ ...wish, count: '1' }} />)}
      </p>
      <pre className="cnai-TrainForm-code" aria-label={trans.__('The line that runs')}>
        {trainCall(fn, wish)}
      </pre>
    </>
  );
}
