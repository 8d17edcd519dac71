import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { ServerConnection } from '@jupyterlab/services';
import { ITranslator, nullTranslator, TranslationBundle } from '@jupyterlab/translation';

import { ApiError, request } from '../api';
import { PAGE } from './page';
import { compare, IServerVersion } from './verdict';

/** At start, page and server tell each other their versions. */
export const handshakePlugin: JupyterFrontEndPlugin<void> = {
  id: 'cnai-lab:handshake',
  description: 'Says when page and server are of different versions.',
  autoStart: true,
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, translator: ITranslator | null) => {
    const trans = (translator ?? nullTranslator).load('cnai_lab');
    void app.restored.then(() => shakeHands(app.serviceManager.serverSettings, trans));
  }
};

/**
 * Ask the server's version and notify where it does not fit this page.
 *
 * @param page - this page's version
 * @param reload - what the notification's button does
 */
export async function shakeHands(
  settings: ServerConnection.ISettings,
  trans: TranslationBundle,
  page: IServerVersion = PAGE,
  reload: () => void = () => window.location.reload()
): Promise<void> {
  let server: IServerVersion;
  try {
    server = await request<IServerVersion>('version', settings);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) {
      Notification.warning(
        trans.__(
          'The server half of cnai-sdk is not enabled. Run "%1", then restart Jupyter.',
          'jupyter server extension enable cnai_server_ext'
        ),
        { autoClose: false }
      );
    }
    // Whatever else went wrong is the Jupyter server's, and JupyterLab says so itself.
    return;
  }
  const verdict = compare(page, server);
  if (verdict === 'same') {
    return;
  }
  const message =
    verdict === 'server-newer'
      ? trans.__(
          'The cnai-sdk server (%1) is newer than this page (%2). Reload the page.',
          server.version,
          page.version
        )
      : trans.__(
          'The cnai-sdk server (%1) is older than this page (%2). Reload the page.',
          server.version,
          page.version
        );
  Notification.warning(message, {
    autoClose: false,
    actions: [{ label: trans.__('Reload'), callback: reload }]
  });
}
