import { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { handshakePlugin } from './handshake/plugin';

/** Every plugin of the extension; a new panel is a folder beside this file and a line here. */
const plugins: JupyterFrontEndPlugin<unknown>[] = [handshakePlugin];

export default plugins;
