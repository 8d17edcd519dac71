import {
  LabIcon,
  ReactWidget,
  stopIcon,
  Toolbar,
  ToolbarButtonComponent
} from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';
import * as React from 'react';

import { problemOf } from '../../api';
import { oneLine } from '../../foreign';
import { canBeDone } from '../../deeds';
import { Acted } from '../../generated/wire';
import { Commands } from '../../tokens';
import { hasEnded } from '../../words';
import { toolIcons } from './glyphs';
import { IPart, useSignal } from './services';

/** How long Stop stays where it was before Run again takes its place. */
const SETTLING = 1000;
const PAUSES = ['suspend', 'resume'] as const;

/** The buttons of a page; those that another plugin carries out only where it is there. */
export function addTools(toolbar: Toolbar<Widget>, part: IPart): void {
  const add = (name: string, Tool: (part: IPart) => JSX.Element | null): void => {
    const widget = ReactWidget.create(<Tool {...part} />);
    widget.addClass('cnai-JobTool');
    toolbar.addItem(name, widget);
  };
  toolbar.node.setAttribute('aria-label', part.services.trans.__('What to do with this job'));
  add('run', StopOrRerun);
  add('pause', SuspendOrResume);
  add('cell', CopyAsCell);
  add('notebook', OpenNotebook);
  add('script', ShowScript);
  toolbar.addItem('space', Toolbar.createSpacerItem());
  add('delete', Delete);
}

/** Stop while it can be stopped; Run again a second after it has ended. */
export function StopOrRerun({ model, services }: IPart): JSX.Element | null {
  useSignal(model.changed);
  const { trans } = services;
  const workload = model.row?.workload;
  const ended = workload !== undefined && hasEnded(workload.phase);
  const settled = useSettled(workload === undefined ? null : ended);
  if (!workload || workload.managed === false || model.gone) {
    return null;
  }
  const idle = model.reachable && model.acting === null;
  return settled ? (
    <Tool
      icon={toolIcons.rerun}
      label={trans.__('Run again')}
      enabled={idle}
      waits={!model.reachable}
      trans={trans}
      act={() => void model.act('rerun')}
    />
  ) : (
    <Tool
      icon={stopIcon}
      label={trans.__('Stop')}
      enabled={idle && !ended}
      waits={!model.reachable}
      trans={trans}
      act={() => void model.act('stop')}
    />
  );
}

/** Where the job's place can pause it and let it go on. */
export function SuspendOrResume({ model, services }: IPart): JSX.Element | null {
  useSignal(model.changed);
  const { store, trans } = services;
  const entry = model.row && { ...model.key, row: model.row };
  const deed = entry && PAUSES.find(each => canBeDone(each, entry, store));
  if (!deed || model.gone) {
    return null;
  }
  return (
    <Tool
      icon={toolIcons[deed]}
      label={deed === 'suspend' ? trans.__('Suspend') : trans.__('Resume')}
      enabled={model.reachable && model.acting === null}
      waits={!model.reachable}
      trans={trans}
      act={() => void model.act(deed)}
    />
  );
}

/** Whether it had ended when first seen, or has for long enough; null is not known. */
function useSettled(ended: boolean | null): boolean {
  const [settled, setSettled] = React.useState(ended === true);
  const known = React.useRef(ended !== null);
  React.useEffect(() => {
    if (ended === null) {
      return;
    }
    if (!ended || !known.current) {
      known.current = true;
      setSettled(ended);
      return;
    }
    const timer = setTimeout(() => setSettled(true), SETTLING);
    return () => clearTimeout(timer);
  }, [ended]);
  return settled;
}

function CopyAsCell({ model, services }: IPart): JSX.Element | null {
  useSignal(model.changed);
  const { commands, trans } = services;
  if (!commands.hasCommand(Commands.copyAsCell) || !model.row || model.gone) {
    return null;
  }
  return (
    <Tool
      icon={toolIcons.cell}
      label={trans.__('Copy as a cell')}
      trans={trans}
      act={() => void run(Commands.copyAsCell, { ...model.key }, { model, services })}
    />
  );
}

function OpenNotebook({ model, services }: IPart): JSX.Element | null {
  useSignal(model.changed);
  const { commands, trans } = services;
  const notebook = model.row?.workload.origin?.notebook;
  if (!notebook || !commands.hasCommand('docmanager:open')) {
    return null;
  }
  const open = async (): Promise<void> => {
    try {
      const path = await services.notebookPath(notebook);
      await commands.execute('docmanager:open', { path });
    } catch {
      model.refuse({
        what: trans.__('The notebook was not found.'),
        why: trans.__('There is no %1 in the files of this server.', oneLine(notebook))
      });
    }
  };
  return (
    <Tool
      icon={toolIcons.notebook}
      label={trans.__('Open the notebook')}
      trans={trans}
      act={() => void open()}
    />
  );
}

function ShowScript({ model, services }: IPart): JSX.Element | null {
  useSignal(model.changed);
  const { trans } = services;
  if (!model.row || model.row.workload.managed === false || model.gone) {
    return null;
  }
  return (
    <Tool
      icon={toolIcons.script}
      label={model.scriptShown ? trans.__('Hide the script') : trans.__('Script')}
      trans={trans}
      act={() => model.toggleScript()}
    />
  );
}

function Delete({ model, services }: IPart): JSX.Element | null {
  useSignal(model.changed);
  const { commands, trans } = services;
  if (!commands.hasCommand(Commands.delete) || !model.row || model.gone) {
    return null;
  }
  if (model.row.workload.managed === false) {
    return null;
  }
  return (
    <Tool
      icon={toolIcons.bin}
      label={trans.__('Delete…')}
      enabled={model.reachable}
      waits={!model.reachable}
      trans={trans}
      act={() => void run(Commands.delete, { keys: [{ ...model.key }] }, { model, services })}
    />
  );
}

async function run(
  command: string,
  args: Parameters<IPart['services']['commands']['execute']>[1],
  { model, services }: IPart
): Promise<void> {
  try {
    const acted = (await services.commands.execute(command, args)) as Acted | null | undefined;
    const [refused] = acted?.refused ?? [];
    if (refused) {
      model.refuse(refused.problem);
    }
  } catch (error) {
    model.refuse(problemOf(error));
  }
}

function Tool(props: {
  icon: LabIcon;
  label: string;
  act: () => void;
  trans: IPart['services']['trans'];
  enabled?: boolean;
  waits?: boolean;
}): JSX.Element {
  const { icon, label, act, trans, enabled = true, waits } = props;
  return (
    <ToolbarButtonComponent
      icon={icon}
      label={label}
      enabled={enabled}
      tooltip={waits ? trans.__('Waits for the server, which does not answer') : label}
      onClick={act}
    />
  );
}
