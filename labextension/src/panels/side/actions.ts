import { JupyterFrontEnd } from '@jupyterlab/application';
import { TranslationBundle } from '@jupyterlab/translation';
import { ReadonlyJSONObject } from '@lumino/coreutils';
import { Menu } from '@lumino/widgets';

import { canBeDone, commandOf, Deed, DEEDS } from '../../deeds';
import { Acted } from '../../generated/wire';
import { openMenu } from '../../parts/menu';
import { problemText } from '../../sentences';
import { Commands, IEntry, IKey, IStore, keyText } from '../../tokens';
import { PanelModel } from './model';
import { refusalText } from './switcher';

/** What the list can do with jobs; all of it by JupyterLab's commands. */
export class JobActions {
  constructor(
    private readonly commands: JupyterFrontEnd['commands'],
    private readonly store: IStore,
    private readonly model: PanelModel,
    private readonly trans: TranslationBundle
  ) {}

  /** Why nothing can be done to jobs now; '' when it can. */
  get waits(): string {
    const { connection } = this.store;
    return connection === 'stale' || connection === 'gone'
      ? this.trans.__('Waits for the server, which does not answer')
      : '';
  }

  open(key: IKey): void {
    void this._run(Commands.open, argsOf(key), [key]);
  }

  logs(key: IKey): void {
    void this._run(Commands.logs, { ...argsOf(key), at: 'logs' }, [key]);
  }

  copyAsCell(key: IKey): void {
    void this._run(Commands.copyAsCell, argsOf(key), [key]);
  }

  insertExample(): void {
    void this._run(Commands.insertExample, {}, []);
  }

  openExample(): void {
    void this._run(Commands.openExample, {}, []);
  }

  /** @returns true once it was done to at least one. */
  async several(deed: Deed, keys: readonly IKey[]): Promise<boolean> {
    if (keys.length === 0 || this.waits) {
      return false;
    }
    return this._run(commandOf[deed], { keys: keys.map(argsOf) }, keys);
  }

  /** Those of the entries to which it can be done. */
  fitting(deed: Deed, entries: readonly IEntry[]): IEntry[] {
    return entries.filter(entry => canBeDone(deed, entry, this.store));
  }

  /** All that can be done to these, as a menu that is opened at a place in the window. */
  menu(entries: readonly IEntry[], x: number, y: number): void {
    const menu = new Menu({ commands: this.commands });
    const add = (command: string, args: ReadonlyJSONObject) => {
      if (this.commands.hasCommand(command)) {
        menu.addItem({ command, args });
      }
    };
    const [only] = entries;
    if (entries.length === 1 && only) {
      add(Commands.open, argsOf(only));
      add(Commands.logs, { ...argsOf(only), at: 'logs' });
      add(Commands.copyAsCell, argsOf(only));
      menu.addItem({ type: 'separator' });
    }
    if (!this.waits) {
      DEEDS.forEach(deed => {
        const fitting = this.fitting(deed, entries);
        if (fitting.length > 0) {
          add(commandOf[deed], { keys: fitting.map(argsOf) });
        }
      });
    }
    menu.aboutToClose.connect(() => {
      // The menu runs its command after it has closed.
      window.setTimeout(() => menu.dispose());
    });
    openMenu(menu, x, y);
  }

  private async _run(
    command: string,
    args: ReadonlyJSONObject,
    keys: readonly IKey[]
  ): Promise<boolean> {
    const names = keys.map(keyText);
    this.model.refuse(names, '');
    try {
      const acted = (await this.commands.execute(command, args)) as Partial<Acted> | undefined;
      this._note(acted?.refused ?? [], keys);
      return (acted?.refused?.length ?? 0) < keys.length;
    } catch (reason) {
      this.model.refuse(names, refusalText(reason, this.trans));
      return false;
    }
  }

  private _note(refused: NonNullable<Acted['refused']>, keys: readonly IKey[]): void {
    for (const { id, problem } of refused) {
      const key = keys.find(one => one.id === id);
      if (key) {
        this.model.refuse([keyText(key)], problemText(problem, this.trans));
      }
    }
  }
}

function argsOf({ source, id }: IKey): { source: string; id: string } {
  return { source, id };
}
