import { JupyterFrontEnd } from '@jupyterlab/application';
import { TranslationBundle } from '@jupyterlab/translation';
import { addIcon, CommandToolbarButton, usersIcon } from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import { Menu } from '@lumino/widgets';

import { openMenu } from '../../parts/menu';
import { Commands } from '../../tokens';
import { PanelModel } from './model';
import { SortBy } from './query';
import { Section } from './sections';
import { fitIcon, sortIcon } from './symbols';

interface IToolbars {
  readonly quota: Section;
  readonly jobs: Section;
  readonly model: PanelModel;
  readonly commands: JupyterFrontEnd['commands'];
  readonly trans: TranslationBundle;
}

/** The tools in the titles of the sections. */
export function fillToolbars({ quota, jobs, model, commands, trans }: IToolbars): void {
  const own = new CommandRegistry();
  own.addCommand('holders', {
    // By its name, since JupyterLab's button has no role to which a pressed state belongs.
    caption: () =>
      model.state.holders ? trans.__('Hide who uses what') : trans.__('Who uses what'),
    icon: usersIcon,
    execute: () => {
      model.set({ holders: !model.state.holders });
      own.notifyCommandChanged('holders');
    }
  });
  own.addCommand('whatIf', {
    caption: () => (model.state.whatIf ? trans.__('Hide the form') : trans.__('Would it fit?')),
    icon: fitIcon,
    execute: () => {
      model.set({ whatIf: !model.state.whatIf });
      own.notifyCommandChanged('whatIf');
    }
  });
  quota.toolbar.addItem('whatIf', new CommandToolbarButton({ commands: own, id: 'whatIf' }));
  quota.toolbar.addItem('holders', new CommandToolbarButton({ commands: own, id: 'holders' }));
  const menu = sortMenu(own, model, trans);
  own.addCommand('sort', {
    caption: trans.__('Sort'),
    icon: sortIcon,
    execute: () => {
      const { left, bottom } = sort.node.getBoundingClientRect();
      openMenu(menu, left, bottom);
    }
  });
  const sort = new CommandToolbarButton({ commands: own, id: 'sort' });
  jobs.toolbar.addItem('sort', sort);
  jobs.disposed.connect(() => menu.dispose());
  jobs.toolbar.addItem(
    'train',
    new CommandToolbarButton({ commands, id: Commands.trainCell, icon: addIcon, label: '' })
  );
}

function sortMenu(commands: CommandRegistry, model: PanelModel, trans: TranslationBundle): Menu {
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
