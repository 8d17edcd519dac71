import { JupyterFrontEnd } from '@jupyterlab/application';
import { PathExt } from '@jupyterlab/coreutils';
import { Contents, ServerConnection } from '@jupyterlab/services';

import { request } from '../api';

const EXAMPLE = '01-train.ipynb';

/** Copy the example into a folder of the person, under a name that is free, and open it. */
export async function openExample(app: JupyterFrontEnd, folder: string): Promise<void> {
  const { contents, serverSettings } = app.serviceManager;
  const content = await exampleOf(serverSettings);
  const path = await freePath(contents, folder, EXAMPLE);
  await contents.save(path, { type: 'notebook', format: 'json', content });
  await app.commands.execute('docmanager:open', { path });
}

function exampleOf(settings: ServerConnection.ISettings): Promise<unknown> {
  return request(`examples/${EXAMPLE}`, settings);
}

/** The name, or 'name-1', and so on: nothing that is there is written over. */
export async function freePath(
  contents: Pick<Contents.IManager, 'get'>,
  folder: string,
  name: string
): Promise<string> {
  const extension = PathExt.extname(name);
  const stem = PathExt.basename(name, extension);
  for (let number = 0; ; number++) {
    const path = PathExt.join(folder, number ? `${stem}-${number}${extension}` : name);
    try {
      await contents.get(path, { content: false });
    } catch (error) {
      if (error instanceof ServerConnection.ResponseError && error.response.status === 404) {
        return path;
      }
      throw error;
    }
  }
}
