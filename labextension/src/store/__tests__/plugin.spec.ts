import { JupyterFrontEnd } from '@jupyterlab/application';

import { storePlugin } from '../plugin';
import { Store } from '../store';
import { Server } from './server';

describe('the plugin', () => {
  it('is made when another one needs it, and connects when JupyterLab has come up', async () => {
    const server = new Server();
    let restore = (): void => undefined;
    const restored = new Promise<void>(resolve => (restore = resolve));
    const serviceManager = { serverSettings: server.settings() };
    const app = { restored, serviceManager } as unknown as JupyterFrontEnd;
    expect(storePlugin.autoStart ?? false).toBe(false);
    const store = (await storePlugin.activate(app, null)) as Store;
    await Promise.resolve();
    expect(server.sockets).toHaveLength(0);
    restore();
    await restored;
    expect(server.sockets).toHaveLength(1);
    store.dispose();
  });
});
