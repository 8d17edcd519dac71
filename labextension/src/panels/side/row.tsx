import { TranslationBundle } from '@jupyterlab/translation';
import React, { memo, useState } from 'react';

import { AgeText } from '../../parts/age';
import { KindMark, PhaseMark, PlaceMark } from '../../parts/marks';
import { Spark } from '../../parts/spark';
import { IEntry, IStore, keyText } from '../../tokens';
import { gpuText, hasEnded, phaseName, shownName, stateText } from '../../words';
import { IRowDeeds, RowTools } from './rowTools';

export interface IRowProps {
  readonly entry: IEntry;
  readonly index: number;
  /** Pixels from the top of the list, and the row's height. */
  readonly top: number;
  readonly height: number;
  readonly active: boolean;
  readonly selected: boolean;
  /** Several are being chosen: every row shows its box. */
  readonly boxes: boolean;
  /** More than one place is known. */
  readonly places: boolean;
  readonly text: string;
  readonly refusal: string;
  /** Why nothing can be done now; '' when it can. */
  readonly waits: string;
  readonly store: IStore;
  readonly deeds: IRowDeeds;
  readonly trans: TranslationBundle;
}

/** One job in two lines; it is painted again only when something of it has changed. */
export const JobRow = memo(function JobRow(props: IRowProps): JSX.Element {
  const { entry, index, top, height, active, selected, boxes, deeds, trans } = props;
  const { workload } = entry.row;
  const [hovered, setHovered] = useState(false);
  const [focused, setFocused] = useState(false);
  const classes = [
    'cnai-JobRow',
    selected && 'cnai-mod-selected',
    boxes && 'cnai-mod-boxes',
    (hovered || focused) && 'cnai-mod-hot'
  ];
  return (
    <div
      role="row"
      className={classes.filter(Boolean).join(' ')}
      data-key={keyText(entry)}
      data-phase={workload.phase}
      tabIndex={active ? 0 : -1}
      aria-rowindex={index + 1}
      aria-selected={selected}
      style={{ transform: `translateY(${top}px)`, height }}
      onMouseEnter={() => setHovered(true)}
      onMouseLeave={() => setHovered(false)}
      onFocus={() => setFocused(true)}
      onBlur={event => setFocused(event.currentTarget.contains(event.relatedTarget))}
    >
      {boxes && (
        <span role="gridcell" className="cnai-JobRow-box">
          <input
            type="checkbox"
            tabIndex={-1}
            checked={selected}
            aria-label={trans.__('Select %1', shownName(workload))}
            onChange={() => deeds.toggle(entry)}
          />
        </span>
      )}
      <span role="gridcell" className="cnai-JobRow-phase">
        <PhaseMark row={entry.row} size={16} trans={trans} />
      </span>
      <span role="gridcell" className="cnai-JobRow-kind">
        <KindMark kind={workload.kind} trans={trans} />
      </span>
      <Name {...props} />
      <Aside {...props} />
      <SecondLine {...props} />
      {(hovered || focused) && (
        <RowTools entry={entry} waits={props.waits} deeds={deeds} trans={trans} />
      )}
    </div>
  );
});

function Name({ entry, text }: IRowProps): JSX.Element {
  const { workload } = entry.row;
  const name = shownName(workload);
  const title = name === workload.name ? name : `${name} (${workload.name})`;
  const word = text.trim().toLocaleLowerCase();
  const at = word ? name.toLocaleLowerCase().indexOf(word) : -1;
  return (
    <span role="gridcell" className="cnai-JobRow-name cnai-Cut" title={title}>
      <bdi>
        {at < 0 ? (
          name
        ) : (
          <>
            {name.slice(0, at)}
            <mark className="cnai-Match">{name.slice(at, at + word.length)}</mark>
            {name.slice(at + word.length)}
          </>
        )}
      </bdi>
    </span>
  );
}

function Aside({ entry, places, store, deeds, trans }: IRowProps): JSX.Element {
  const { workload } = entry.row;
  const share = gpuText(workload, trans);
  const source = places ? store.place(entry.source)?.source : undefined;
  return (
    <span role="gridcell" className="cnai-JobRow-aside">
      {share && <span className="cnai-JobRow-share">{share} · </span>}
      <AgeText store={store} since={workload.created ?? 0} trans={trans} />
      {source && (
        <button
          type="button"
          tabIndex={-1}
          className="cnai-JobRow-place"
          onClick={() => deeds.narrowTo(entry.source)}
        >
          <PlaceMark source={source} trans={trans} />
        </button>
      )}
    </span>
  );
}

function SecondLine({ entry, refusal, waits, store, trans }: IRowProps): JSX.Element {
  const { row } = entry;
  const state = stateText(row, store.now(), trans);
  const spark = row.spark ?? [];
  return (
    <span role="gridcell" className="cnai-JobRow-line">
      {refusal ? (
        <span className="cnai-JobRow-state cnai-Cut cnai-Refusal" role="alert" title={refusal}>
          {refusal}
        </span>
      ) : (
        <State text={state} phase={phaseName(row.workload.phase, trans)} {...{ row, trans }} />
      )}
      {spark.length > 1 && !hasEnded(row.workload.phase) && (
        <Spark values={spark} width={40} height={16} rest={waits !== ''} />
      )}
    </span>
  );
}

interface IStateProps {
  readonly row: IEntry['row'];
  readonly text: string;
  readonly phase: string;
  readonly trans: TranslationBundle;
}

function State({ row, text, phase, trans }: IStateProps): JSX.Element {
  const leads = text.startsWith(phase);
  const whole = row.workload.phase === 'Failed';
  return (
    <span className="cnai-JobRow-state cnai-Cut" title={text}>
      <b>{whole || !leads ? text : phase}</b>
      {!whole && leads && text.slice(phase.length)}
      {row.workload.managed === false && ` · ${trans.__('read-only')}`}
    </span>
  );
}
