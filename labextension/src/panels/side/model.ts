import { ISignal, Signal } from '@lumino/signaling';
import { useCallback, useSyncExternalStore } from 'react';

import { EVERYTHING, IQuery } from './query';

/** What the sections of the panel share, beside the store. */
export interface IPanelState {
  readonly query: IQuery;
  /** 'Who uses what' is open. */
  readonly holders: boolean;
  /** The form of 'Would it fit?' is open. */
  readonly whatIf: boolean;
  /** Jobs that the list shows. */
  readonly matching: number;
  /** Why the last act on a job was refused, by key. */
  readonly refusals: ReadonlyMap<string, string>;
}

/** The panel's own state; every change makes a new one. */
export class PanelModel {
  get state(): IPanelState {
    return this._state;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  set(part: Partial<IPanelState>): void {
    const names = Object.keys(part) as (keyof IPanelState)[];
    if (names.some(name => part[name] !== this._state[name])) {
      this._state = { ...this._state, ...part };
      this._changed.emit();
    }
  }

  narrow(part: Partial<IQuery>): void {
    this.set({ query: { ...this._state.query, ...part } });
  }

  /** Show all jobs again; the order stays. */
  clear(): void {
    this.set({ query: { ...EVERYTHING, sort: this._state.query.sort } });
  }

  refuse(keys: readonly string[], why: string): void {
    if (!why && !keys.some(key => this._state.refusals.has(key))) {
      return;
    }
    const refusals = new Map(this._state.refusals);
    keys.forEach(key => (why ? refusals.set(key, why) : refusals.delete(key)));
    this.set({ refusals });
  }

  private _state: IPanelState = {
    query: EVERYTHING,
    holders: false,
    whatIf: false,
    matching: 0,
    refusals: new Map()
  };
  private _changed = new Signal<this, void>(this);
}

/** The panel's state; the component follows it. */
export function usePanel(model: PanelModel): IPanelState {
  const subscribe = useCallback(
    (follow: () => void) => {
      model.changed.connect(follow);
      return () => {
        model.changed.disconnect(follow);
      };
    },
    [model]
  );
  return useSyncExternalStore(subscribe, () => model.state);
}
