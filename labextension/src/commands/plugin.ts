import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import { IMainMenu } from '@jupyterlab/mainmenu';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { hasImport, insertBelow } from '../cells/notebook';
import { attachCode, withImport } from '../cells/python';
import { commandOf, DEEDS } from '../deeds';
import { cardUrl, kindIcons } from '../icons';
import { Commands, IStore } from '../tokens';
import { openExample } from './documents';
import { addressOf } from './address';
import { addJobCommands, keysOf } from './jobs';

const EXAMPLE = [
  'def hello(epochs=5):',
  '    for epoch in range(1, epochs + 1):',
  '        cnai.report(step=epoch, squares=sum(n * n for n in range(10**epoch)))',
  '        cnai.progress(epoch, epochs, unit="epoch")',
  '',
  '',
  'job = cnai.train(hello, workers=2)',
  'job'
];

/** What can be done, from the palette, the menus, the launcher and other plugins. */
export const commandsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'cnai-lab:commands',
  description: 'Commands on jobs and notebooks, where JupyterLab has commands.',
  autoStart: true,
  requires: [IStore],
  optional: [
    ITranslator,
    INotebookTracker,
    ICommandPalette,
    IMainMenu,
    ILauncher,
    IDefaultFileBrowser
  ],
  activate: (
    app: JupyterFrontEnd,
    store: IStore,
    translator: ITranslator | null,
    tracker: INotebookTracker | null,
    palette: ICommandPalette | null,
    menu: IMainMenu | null,
    launcher: ILauncher | null,
    browser: IDefaultFileBrowser | null
  ) => {
    const trans = (translator ?? nullTranslator).load('cnai_lab');
    const lab = (translator ?? nullTranslator).load('jupyterlab');
    const { commands } = app;
    addJobCommands(app, store, trans);
    commands.addCommand(Commands.copyAsCell, {
      label: trans.__('Copy as a cell'),
      caption: trans.__('Insert the line that attaches to this job'),
      isEnabled: args => keysOf(args).some(key => store.find(key) !== null),
      execute: async args => {
        const [key] = keysOf(args);
        const entry = key && store.find(key);
        if (entry) {
          const [name, use] = addressOf(entry, store);
          await insert(app, tracker, imported => attachCode(name, imported, use));
        }
      }
    });
    commands.addCommand(Commands.insertExample, {
      label: trans.__('Insert an example cell'),
      execute: () => insert(app, tracker, imported => withImport(EXAMPLE, imported))
    });
    commands.addCommand(Commands.openExample, {
      label: args =>
        args['isLauncher']
          ? trans.__('Train from a notebook')
          : trans.__('Open the training example'),
      caption: trans.__('Open a notebook that trains on two workers'),
      icon: args => (args['isPalette'] ? undefined : kindIcons.get('train')),
      execute: args => openExample(app, folderOf(args, browser))
    });
    commands.addCommand(Commands.refreshConnection, {
      label: trans.__('Connect to the cnai-sdk server again'),
      isEnabled: () => store.connection !== 'live',
      execute: () => store.retry()
    });
    const shown = [
      Commands.showPanel,
      Commands.openExample,
      Commands.insertExample,
      ...DEEDS.map(deed => commandOf[deed]),
      Commands.refreshConnection
    ];
    shown.forEach(command =>
      palette?.addItem({ command, category: 'CNAI', args: { isPalette: true } })
    );
    const below = [{ command: Commands.trainCell }, { command: Commands.showPanel }];
    menu?.runMenu.addGroup(below, 50);
    menu?.fileMenu.newMenu.addItem({ command: Commands.openExample, rank: 40 });
    launcher?.add({
      command: Commands.openExample,
      // JupyterLab groups the cards by its own words.
      category: lab.__('Notebook'),
      rank: 90,
      args: { isLauncher: true },
      // Cards of that group draw no icon of a command.
      kernelIconUrl: cardUrl
    });
  }
};

function folderOf(args: ReadonlyPartialJSONObject, browser: IDefaultFileBrowser | null): string {
  return typeof args['cwd'] === 'string' ? args['cwd'] : (browser?.model.path ?? '');
}

/** Into the current notebook, or a new one. */
async function insert(
  app: JupyterFrontEnd,
  tracker: INotebookTracker | null,
  code: (imported: boolean) => string
): Promise<void> {
  const panel = tracker?.currentWidget ?? (await newNotebook(app));
  if (panel) {
    await panel.context.ready;
    insertBelow(panel, code(hasImport(panel)));
    app.shell.activateById(panel.id);
  }
}

async function newNotebook(app: JupyterFrontEnd): Promise<NotebookPanel | null> {
  const { kernelspecs } = app.serviceManager;
  await kernelspecs.ready;
  const made: unknown = await app.commands.execute('notebook:create-new', {
    kernelName: kernelspecs.specs?.default
  });
  return made instanceof NotebookPanel ? made : null;
}
