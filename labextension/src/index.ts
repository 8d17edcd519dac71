import { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { commandsPlugin } from './commands/plugin';
import { cellsPlugin } from './cells/plugin';
import { statusPlugin } from './panels/status/plugin';
import { notifyPlugin } from './panels/notify/plugin';
import { settingsPlugin } from './settings/plugin';
import { handshakePlugin } from './handshake/plugin';
import { jobPagePlugin } from './panels/job/plugin';
import { sidePanelPlugin } from './panels/side/plugin';
import { storePlugin } from './store/plugin';

/** Every plugin of the extension; a new panel is a folder beside this file and a line here. */
const plugins: JupyterFrontEndPlugin<unknown>[] = [
  handshakePlugin,
  storePlugin,
  sidePanelPlugin,
  jobPagePlugin,
  commandsPlugin,
  cellsPlugin,
  statusPlugin,
  notifyPlugin,
  settingsPlugin
];

export default plugins;
