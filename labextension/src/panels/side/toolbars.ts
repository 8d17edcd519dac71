import { JupyterFrontEnd } from '@jupyterlab/application';
import { TranslationBundle } from '@jupyterlab/translation';
import { addIcon, CommandToolbarButton, ToolbarButton, usersIcon } from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import { Menu } from '@lumino/widgets';

import { Commands } from '../../tokens';
import { PanelModel } from './model';
import { SortBy } from './query';
import { Section } from './sections';
import { sortIcon } from './symbols';

interface IToolbars {
  readonly quota: Section;
  readonly jobs: Section;
  readonly model: PanelModel;
  readonly commands: JupyterFrontEnd['commands'];
  readonly trans: TranslationBundle;
}

/** The tools in the titles of the sections. */
export function fillToolbars({ quota, jobs, model, commands, trans }: IToolbars): void {
  const holders = new ToolbarButton({
    icon: usersIcon,
    tooltip: trans.__('Who uses what'),
    pressed: false,
    onClick: () => {
      model.set({ holders: !model.state.holders });
      holders.pressed = model.state.holders;
    }
  });
  quota.toolbar.addItem('holders', holders);
  const menu = sortMenu(model, trans);
  const sort = new ToolbarButton({
    icon: sortIcon,
    tooltip: trans.__('Sort'),
    onClick: () => {
      const { left, bottom } = sort.node.getBoundingClientRect();
      menu.open(left, bottom);
    }
  });
  jobs.toolbar.addItem('sort', sort);
  jobs.disposed.connect(() => menu.dispose());
  jobs.toolbar.addItem(
    'train',
    new CommandToolbarButton({ commands, id: Commands.trainCell, icon: addIcon, label: '' })
  );
}

function sortMenu(model: PanelModel, trans: TranslationBundle): Menu {
  const commands = new CommandRegistry();
  const menu = new Menu({ commands });
  const labels: [SortBy, string][] = [
    ['created', trans.__('Newest first')],
    ['name', trans.__('By name')],
    ['phase', trans.__('By phase')]
  ];
  for (const [sort, label] of labels) {
    commands.addCommand(sort, {
      label,
      isToggleable: true,
      isToggled: () => model.state.query.sort === sort,
      execute: () => model.narrow({ sort })
    });
    menu.addItem({ command: sort });
  }
  return menu;
}
