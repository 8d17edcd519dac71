import { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { handshakePlugin } from './handshake/plugin';
import { sidePanelPlugin } from './panels/side/plugin';
import { storePlugin } from './store/plugin';

/** Every plugin of the extension; a new panel is a folder beside this file and a line here. */
const plugins: JupyterFrontEndPlugin<unknown>[] = [
  handshakePlugin,
  storePlugin,
  sidePanelPlugin
];

export default plugins;
