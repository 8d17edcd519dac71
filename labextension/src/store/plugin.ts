import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { IStore } from '../tokens';
import { Store } from './store';

/** Made for the first plugin that needs it; connects when JupyterLab has come up. */
export const storePlugin: JupyterFrontEndPlugin<IStore> = {
  id: 'cnai-lab:store',
  description: 'Keeps what the page knows of workloads and quotas, live.',
  optional: [ITranslator],
  provides: IStore,
  activate: (app: JupyterFrontEnd, translator: ITranslator | null) => {
    const trans = (translator ?? nullTranslator).load('cnai_lab');
    const store = new Store(app.serviceManager.serverSettings, trans);
    void app.restored.then(() => store.start());
    return store;
  }
};
