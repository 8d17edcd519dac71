import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { IStore } from '../tokens';
import { ISettings } from './tokens';
import { DEFAULTS, IValues } from './values';
import { translated } from './words';

/** Reads the settings, and tells those who obey them. */
export const settingsPlugin: JupyterFrontEndPlugin<ISettings> = {
  id: 'cnai-lab:settings',
  description: 'The settings of the extension.',
  autoStart: true,
  provides: ISettings,
  requires: [IStore],
  optional: [ISettingRegistry, ITranslator],
  activate: (
    _: JupyterFrontEnd,
    store: IStore,
    registry: ISettingRegistry | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('cnai_lab');
    const settings = new Settings();
    settings.follow(({ restAfterMinutes }) =>
      store.restAfter(restAfterMinutes === null ? null : restAfterMinutes * 60)
    );
    registry?.transform(settingsPlugin.id, {
      fetch: plugin => ({ ...plugin, schema: translated(plugin.schema, trans) })
    });
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
