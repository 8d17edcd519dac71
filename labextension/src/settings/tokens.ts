import { Token } from '@lumino/coreutils';

import { IValues } from './values';

/** The settings of the extension. */
export interface ISettings {
  readonly values: IValues;
  /** Told now, and whenever they change. */
  follow(told: (values: IValues) => void): void;
}

export const ISettings = new Token<ISettings>(
  'cnai-lab:ISettings',
  'The settings of the extension.'
);
