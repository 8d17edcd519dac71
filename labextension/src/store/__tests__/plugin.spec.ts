import { JupyterFrontEnd } from '@jupyterlab/application';
import { ServerConnection } from '@jupyterlab/services';
import { nullTranslator, TranslationBundle } from '@jupyterlab/translation';
import { waitFor } from '@testing-library/dom';

import { said } from '../../sentences';
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

  it('learns the language of the page first, so that nothing is shown in another one', async () => {
    const server = new Server();
    let answer: (response: Response) => void = () => undefined;
    const asked = jest
      .spyOn(ServerConnection, 'makeRequest')
      .mockReturnValueOnce(new Promise<Response>(resolve => (answer = resolve)));
    const serviceManager = { serverSettings: server.settings() };
    const app = { restored: Promise.resolve(), serviceManager } as unknown as JupyterFrontEnd;
    const words = Object.create(nullTranslator.load('cnai_lab')) as TranslationBundle;
    const chinese = { languageCode: 'zh_CN', load: () => words };
    const store = (await storePlugin.activate(app, chinese)) as Store;
    await app.restored;
    expect(asked).toHaveBeenCalledTimes(1);
    expect(server.sockets).toHaveLength(0);
    answer(new Response(JSON.stringify({ locale: 'zh_CN', sentences: { Gone: '已离开' } })));
    await waitFor(() => expect(server.sockets).toHaveLength(1));
    expect(said('Gone', words)).toBe('已离开');
    store.dispose();
  });
});
