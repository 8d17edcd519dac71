import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { TranslationBundle } from '@jupyterlab/translation';
import { ISignal } from '@lumino/signaling';
import { CommandRegistry } from '@lumino/commands';
import * as React from 'react';

import { IKey, IStore } from '../../tokens';
import { JobModel } from './model';

/** What a page needs of JupyterLab and of us. */
export interface IServices {
  readonly store: IStore;
  readonly commands: CommandRegistry;
  readonly rendermime: IRenderMimeRegistry | null;
  readonly trans: TranslationBundle;
  /** How many lines of the log the page keeps. */
  readonly logLines: () => number;
  /** Where a notebook lies, of which the job may know only the name. */
  readonly notebookPath: (name: string) => Promise<string>;
  /** Shows another job's page. */
  readonly open: (key: IKey) => void;
}

/** What every part of one page is given. */
export interface IPart {
  readonly model: JobModel;
  readonly services: IServices;
}

/** Paint again when a signal has fired, at most once a frame. */
export function useSignal<T>(signal: ISignal<T, unknown>): void {
  const [, count] = React.useReducer((painted: number) => painted + 1, 0);
  React.useEffect(() => {
    let frame = 0;
    const later = (): void => {
      frame = frame || requestAnimationFrame(paint);
    };
    const paint = (): void => {
      frame = 0;
      count();
    };
    signal.connect(later);
    later();
    return () => {
      signal.disconnect(later);
      cancelAnimationFrame(frame);
    };
  }, [signal]);
}
