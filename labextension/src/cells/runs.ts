import { ICellModel } from '@jupyterlab/cells';
import { Notebook, NotebookActions, NotebookPanel } from '@jupyterlab/notebook';
import { Kernel } from '@jupyterlab/services';

/** One life of a kernel: it ends when the kernel is restarted, and what ran in it is forgotten. */
interface ILife {
  restarts: number;
}

const ENDS: readonly string[] = ['restarting', 'autorestarting', 'dead'];
const lives = new WeakMap<Kernel.IKernelConnection, ILife>();
const runs = new WeakMap<ICellModel, { readonly life: ILife; readonly restarts: number }>();

/** Note from now on which cells run. The numbers beside them outlive the kernel. */
export function noteRuns(): void {
  NotebookActions.executed.connect((_, { notebook, cell, success }) => {
    const life = lifeOf(notebook.parent);
    if (success && life) {
      runs.set(cell.model, { life, restarts: life.restarts });
    }
  });
}

/** Whether a cell has run, as it stands or not, in the kernel that its notebook has now. */
export function hasRun(notebook: Notebook, cell: ICellModel): boolean {
  const run = runs.get(cell);
  const life = lifeOf(notebook.parent);
  return run !== undefined && run.life === life && run.restarts === life.restarts;
}

function lifeOf(panel: unknown): ILife | null {
  const kernel = panel instanceof NotebookPanel ? panel.sessionContext.session?.kernel : null;
  if (!kernel) {
    return null;
  }
  const known = lives.get(kernel);
  if (known) {
    return known;
  }
  const life = { restarts: 0 };
  lives.set(kernel, life);
  kernel.statusChanged.connect((_, status) => {
    life.restarts += ENDS.includes(status) ? 1 : 0;
  });
  return life;
}
