import { TranslationBundle } from '@jupyterlab/translation';
import { ellipsesIcon, LabIcon, refreshIcon, stopIcon } from '@jupyterlab/ui-components';
import React, { useEffect, useState } from 'react';

import { Deed } from '../../deeds';
import { IEntry, IKey } from '../../tokens';
import { hasEnded } from '../../words';
import { cellIcon, logsIcon, openIcon } from './symbols';

/** What a row asks of its list. */
export interface IRowDeeds {
  toggle(entry: IEntry): void;
  narrowTo(source: string): void;
  open(key: IKey): void;
  logs(key: IKey): void;
  copyAsCell(key: IKey): void;
  /** @returns false when it was refused. */
  act(deed: Deed, key: IKey): Promise<boolean>;
  menu(entry: IEntry, x: number, y: number): void;
}

interface IRowToolsProps {
  readonly entry: IEntry;
  readonly waits: string;
  readonly deeds: IRowDeeds;
  readonly trans: TranslationBundle;
}

/** The buttons of a row under the pointer or with the focus, in the place of age and spark. */
export function RowTools({ entry, waits, deeds, trans }: IRowToolsProps): JSX.Element {
  const more = (event: React.MouseEvent) => {
    const { left, bottom } = event.currentTarget.getBoundingClientRect();
    deeds.menu(entry, left, bottom);
  };
  return (
    <span role="gridcell" className="cnai-JobRow-tools">
      <Tool icon={openIcon} name={trans.__('Open')} onClick={() => deeds.open(entry)} />
      <Tool
        className="cnai-mod-wide"
        icon={logsIcon}
        name={trans.__('Logs')}
        onClick={() => deeds.logs(entry)}
      />
      <StopOrRerun {...{ entry, waits, deeds, trans }} />
      <Tool
        className="cnai-mod-widest"
        icon={cellIcon}
        name={trans.__('Copy as a cell')}
        onClick={() => deeds.copyAsCell(entry)}
      />
      <Tool icon={ellipsesIcon} name={trans.__('More actions')} onClick={more} />
    </span>
  );
}

/** One button, whose meaning changes only a second after the job has ended. */
function StopOrRerun({ entry, waits, deeds, trans }: IRowToolsProps): JSX.Element | null {
  const { workload } = entry.row;
  const ended = hasEnded(workload.phase);
  const [shown, setShown] = useState(ended);
  const [asked, setAsked] = useState(false);
  useEffect(() => {
    const timer = window.setTimeout(
      () => {
        setShown(ended);
        setAsked(false);
      },
      shown === ended ? 0 : 1000
    );
    return () => window.clearTimeout(timer);
  }, [ended]);
  if (workload.managed === false) {
    return null;
  }
  const deed = shown ? 'rerun' : 'stop';
  const act = async () => {
    setAsked(true);
    if (!(await deeds.act(deed, entry)) || deed === 'rerun') {
      setAsked(false);
    }
  };
  const name = shown ? trans.__('Run again') : trans.__('Stop');
  return (
    <Tool
      icon={shown ? refreshIcon : stopIcon}
      name={waits ? `${name}: ${waits}` : name}
      disabled={asked || shown !== ended || waits !== ''}
      onClick={() => void act()}
    />
  );
}

interface IToolProps {
  readonly icon: LabIcon;
  readonly name: string;
  readonly className?: string;
  readonly disabled?: boolean;
  readonly onClick: (event: React.MouseEvent) => void;
}

function Tool({ icon: Icon, name, className = '', disabled, onClick }: IToolProps): JSX.Element {
  return (
    <button
      type="button"
      tabIndex={-1}
      className={`cnai-Tool ${className}`}
      aria-label={name}
      aria-disabled={disabled}
      title={name}
      onClick={event => !disabled && onClick(event)}
    >
      <Icon.react tag="span" width="16px" />
    </button>
  );
}
