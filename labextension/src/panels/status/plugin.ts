import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { ISettings } from '../../settings/tokens';
import { Commands, IStore } from '../../tokens';
import { StatusItem } from './item';

/** Running jobs and free GPUs in the status bar, where there is one. */
export const statusPlugin: JupyterFrontEndPlugin<void> = {
  id: 'cnai-lab:status',
  description: 'Shows in the status bar what runs.',
  autoStart: true,
  requires: [IStore],
  optional: [IStatusBar, ITranslator, ISettings],
  activate: (
    app: JupyterFrontEnd,
    store: IStore,
    bar: IStatusBar | null,
    translator: ITranslator | null,
    settings: ISettings | null
  ) => {
    if (!bar) {
      return;
    }
    const trans = (translator ?? nullTranslator).load('cnai_lab');
    const item = new StatusItem(store, trans, () => {
      void app.commands.execute(Commands.showPanel);
    });
    settings?.follow(({ statusBar }) => (item.allowed = statusBar));
    bar.registerStatusItem('cnai-lab:status', {
      item,
      align: 'left',
      rank: 90,
      isActive: () => item.active,
      activeStateChanged: item.activeChanged
    });
  }
};
