import { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import { ISignal, Signal } from '@lumino/signaling';
import React from 'react';

import { useStore } from '../../parts/useStore';
import { IStore } from '../../tokens';
import { statusText } from './text';

/** What runs, in the status bar; it leads to the panel. */
export class StatusItem extends ReactWidget {
  constructor(
    private readonly _store: IStore,
    private readonly _trans: TranslationBundle,
    private readonly _show: () => void
  ) {
    super();
    this.addClass('cnai-StatusItem');
    _store.changed.connect(() => this._look());
  }

  /** Whether it has something to say, and may. */
  get active(): boolean {
    return this._allowed && statusText(this._store, this._trans) !== '';
  }

  set allowed(allowed: boolean) {
    this._allowed = allowed;
    this._look();
  }

  get activeChanged(): ISignal<this, void> {
    return this._activeChanged;
  }

  protected render(): JSX.Element {
    return <Words store={this._store} trans={this._trans} show={this._show} />;
  }

  private _look(): void {
    if (this.active !== this._was) {
      this._was = this.active;
      this._activeChanged.emit();
    }
  }

  private _allowed = true;
  private _was = false;
  private readonly _activeChanged = new Signal<this, void>(this);
}

function Words(props: {
  readonly store: IStore;
  readonly trans: TranslationBundle;
  readonly show: () => void;
}): JSX.Element {
  const { store, trans, show } = props;
  const text = useStore(store, now => statusText(now, trans));
  return (
    <button
      className="jp-StatusBar-TextItem cnai-StatusItem-button"
      title={trans.__('Show the jobs')}
      onClick={show}
    >
      {text}
    </button>
  );
}
