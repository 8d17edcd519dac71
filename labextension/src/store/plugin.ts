import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

import { IStore } from '../tokens';
import { Store } from './store';

/** What the page knows of workloads and quotas; connects when JupyterLab has come up. */
export const storePlugin: JupyterFrontEndPlugin<IStore> = {
  id: 'cnai-lab:store',
  description: 'Keeps what the page knows of workloads and quotas, live.',
  autoStart: true,
  provides: IStore,
  activate: (app: JupyterFrontEnd) => {
    const store = new Store(app.serviceManager.serverSettings);
    void app.restored.then(() => store.start());
    return store;
  }
};
