import { ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { cnaiIcon } from '../../icons';
import { Commands, IStore } from '../../tokens';
import { CnaiPanel } from './panel';

/** After the file browser and the running kernels. */
const RANK = 250;

/** Quotas and jobs in the left side bar, of JupyterLab and of Notebook. */
export const sidePanelPlugin: JupyterFrontEndPlugin<void> = {
  id: 'cnai-lab:side-panel',
  description: 'Shows quotas and jobs beside the notebook.',
  autoStart: true,
  requires: [IStore],
  optional: [ITranslator, ILayoutRestorer, IStateDB],
  activate: (
    app: JupyterFrontEnd,
    store: IStore,
    translator: ITranslator | null,
    restorer: ILayoutRestorer | null,
    state: IStateDB | null
  ) => {
    const words = translator ?? nullTranslator;
    const trans = words.load('cnai_lab');
    const panel = new CnaiPanel(store, app.commands, words, state);
    app.shell.add(panel, 'left', { rank: RANK, type: 'CNAI' });
    restorer?.add(panel, panel.id);
    app.commands.addCommand(Commands.showPanel, {
      label: trans.__('Show quotas and jobs'),
      caption: trans.__('Show what may be used and what runs, in the left side bar'),
      icon: cnaiIcon,
      execute: () => app.shell.activateById(panel.id)
    });
  }
};
