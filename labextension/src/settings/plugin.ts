import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';

import { IStore } from '../tokens';
import { ISettings } from './tokens';
import { DEFAULTS, IValues } from './values';

/** Reads the settings, and tells those who obey them. */
export const settingsPlugin: JupyterFrontEndPlugin<ISettings> = {
  id: 'cnai-lab:settings',
  description: 'The settings of the extension.',
  autoStart: true,
  provides: ISettings,
  requires: [IStore],
  optional: [ISettingRegistry],
  activate: (_: JupyterFrontEnd, store: IStore, registry: ISettingRegistry | null) => {
    const settings = new Settings();
    settings.follow(({ restAfterMinutes }) =>
      store.restAfter(restAfterMinutes === null ? null : restAfterMinutes * 60)
    );
    void registry?.load(settingsPlugin.id).then(loaded => {
      const read = (): void => settings.set({ ...DEFAULTS, ...(loaded.composite as object) });
      read();
      loaded.changed.connect(read);
    });
    return settings;
  }
};

/** The values, and who follows them. */
export class Settings implements ISettings {
  get values(): IValues {
    return this._values;
  }

  set(values: IValues): void {
    this._values = values;
    this._told.forEach(told => told(values));
  }

  follow(told: (values: IValues) => void): void {
    this._told.push(told);
    told(this._values);
  }

  private _values = DEFAULTS;
  private readonly _told: ((values: IValues) => void)[] = [];
}
