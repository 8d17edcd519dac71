import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, ICommandPalette, showDialog } from '@jupyterlab/apputils';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator, TranslationBundle } from '@jupyterlab/translation';

import { kindIcons } from '../icons';
import { servingPlace } from '../panels/side/places';
import { Commands, IStore } from '../tokens';
import { TrainForm } from './form';
import { activeCode, activeHasRun, hasImport, insertBelow, runActive } from './notebook';
import { noteRuns } from './runs';
import { functionOf, IFunction, withImport } from './python';

/** 'Train this function', on a cell's toolbar and in the palette. */
export const cellsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'cnai-lab:cells',
  description: 'Trains the function of a cell, by a small form.',
  autoStart: true,
  requires: [IStore],
  optional: [INotebookTracker, ITranslator, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    store: IStore,
    tracker: INotebookTracker | null,
    translator: ITranslator | null,
    palette: ICommandPalette | null
  ) => {
    const trans = (translator ?? nullTranslator).load('cnai_lab');
    const { commands } = app;
    const fn = (): IFunction | null =>
      functionOf(activeCode(tracker)?.model.sharedModel.getSource() ?? '');
    noteRuns();
    commands.addCommand(Commands.trainCell, {
      label: trans.__('Train this function…'),
      // A button of a toolbar is called by its caption.
      caption: args =>
        args['toolbar']
          ? trans.__('Train this function…')
          : trans.__('Train the function of this cell on one or more workers'),
      icon: kindIcons.get('train'),
      isVisible: args => !args['toolbar'] || fn() !== null,
      isEnabled: () => !!tracker?.currentWidget,
      execute: () => train(tracker?.currentWidget ?? null, fn(), store, trans)
    });
    palette?.addItem({ command: Commands.trainCell, category: 'CNAI' });
    let had = false;
    const look = (): void => {
      const has = fn() !== null;
      if (has !== had) {
        had = has;
        commands.notifyCommandChanged(Commands.trainCell);
      }
    };
    tracker?.activeCellChanged.connect((_, cell) => {
      look();
      cell?.model?.contentChanged.connect(look);
    });
  }
};

async function train(
  panel: NotebookPanel | null,
  fn: IFunction | null,
  store: IStore,
  trans: TranslationBundle
): Promise<void> {
  if (!panel || !fn) {
    await showDialog({
      title: trans.__('No function here'),
      body: trans.__('Choose a code cell that defines a function, then train it.'),
      buttons: [Dialog.okButton({ label: trans.__('Close') })]
    });
    return;
  }
  const line = await ask(fn, store, trans);
  if (line && !panel.isDisposed) {
    // A function that was typed or changed is not yet what the kernel knows.
    const known = activeHasRun(panel) || (await runActive(panel));
    insertBelow(panel, withImport([line, 'job'], hasImport(panel)));
    if (known) {
      await runActive(panel);
    }
  }
}

/** The line of code that the form stands for; null when it was cancelled. */
async function ask(fn: IFunction, store: IStore, trans: TranslationBundle): Promise<string | null> {
  const form = new TrainForm(fn, store, servingPlace(store), trans);
  const dialog = new Dialog<string>({
    title: trans.__('Train %1', fn.name),
    body: form,
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Train') })
    ],
    focusNodeSelector: 'input'
  });
  const look = (): void => {
    dialog.node
      .querySelector<HTMLButtonElement>('.jp-Dialog-footer .jp-mod-accept')
      ?.toggleAttribute('disabled', !form.ready);
  };
  form.changed.connect(look);
  const result = dialog.launch();
  look();
  const { button, value } = await result;
  return button.accept && form.ready ? value : null;
}
