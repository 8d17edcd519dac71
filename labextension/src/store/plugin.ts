import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { learnFrom } from '../sentences';
import { IStore } from '../tokens';
import { Store } from './store';

/** Made for the first plugin that needs it; connects when JupyterLab has come up. */
export const storePlugin: JupyterFrontEndPlugin<IStore> = {
  id: 'cnai-lab:store',
  description: 'Keeps what the page knows of workloads and quotas, live.',
  optional: [ITranslator],
  provides: IStore,
  activate: (app: JupyterFrontEnd, translator: ITranslator | null) => {
    const { serverSettings } = app.serviceManager;
    const words = translator ?? nullTranslator;
    const trans = words.load('cnai_lab');
    const store = new Store(serverSettings, trans);
    // First the language, so that nothing is shown in another one.
    const learned = learnFrom(serverSettings, words, trans);
    const start = async (): Promise<void> => {
      await learned;
      await app.restored;
      store.start();
    };
    void start();
    return store;
  }
};
