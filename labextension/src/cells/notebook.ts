import { CodeCell, isCodeCellModel } from '@jupyterlab/cells';
import { INotebookTracker, NotebookActions, NotebookPanel } from '@jupyterlab/notebook';

import { importsSdk } from './python';
import { hasRun } from './runs';

/** The code cell that is active in the current notebook; null when it is another kind. */
export function activeCode(tracker: INotebookTracker | null): CodeCell | null {
  const cell = tracker?.activeCell ?? null;
  return cell instanceof CodeCell ? cell : null;
}

/** Whether a cell that imports the SDK has run in this kernel: one that only stands there is no
 *  help, and importing it twice does no harm. */
export function hasImport(panel: NotebookPanel): boolean {
  const cells = [...(panel.content.model?.cells ?? [])];
  const run = cells.filter(cell => isCodeCellModel(cell) && hasRun(panel.content, cell));
  return importsSdk(run.map(cell => cell.sharedModel.getSource()));
}

/** Put code into a new cell below the active one; the caret is in it. */
export function insertBelow(panel: NotebookPanel, code: string): void {
  const notebook = panel.content;
  const empty = activeIsEmpty(panel);
  if (!empty) {
    NotebookActions.insertBelow(notebook);
    NotebookActions.changeCellType(notebook, 'code');
  }
  notebook.activeCell?.model.sharedModel.setSource(code);
  notebook.activate();
}

function activeIsEmpty(panel: NotebookPanel): boolean {
  const cell = panel.content.activeCell;
  return cell instanceof CodeCell && cell.model.sharedModel.getSource().trim() === '';
}

/** Whether the kernel knows the active cell as it stands. */
export function activeHasRun(panel: NotebookPanel): boolean {
  const cell = panel.content.activeCell;
  return cell instanceof CodeCell && hasRun(panel.content, cell.model) && !cell.model.isDirty;
}

/** Run the active cell; false when it failed. */
export async function runActive(panel: NotebookPanel): Promise<boolean> {
  return NotebookActions.run(panel.content, panel.sessionContext);
}
