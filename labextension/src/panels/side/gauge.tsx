import { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { Device, QuotaItem } from '../../generated/wire';
import { IPlace } from '../../tokens';
import { oneLine } from '../../foreign';
import { said } from '../../sentences';
import {
  boundsText,
  cellShares,
  cellsOf,
  IShares,
  labelOf,
  meterText,
  Part,
  sharesOf,
  usedText,
  waitingText
} from './amounts';
import { PhaseMark } from '../../parts/marks';

interface IGaugeProps {
  readonly item: QuotaItem;
  readonly place: IPlace;
  readonly pressed: Part | null;
  readonly onPick: (part: Part) => void;
  readonly trans: TranslationBundle;
}

/** How much of one resource is used, by whom; a click shows the jobs behind it. */
export function Gauge({ item, place, pressed, onPick, trans }: IGaugeProps): JSX.Element {
  const label = labelOf(item, trans);
  const used = (item.used ?? 0) + (item.others ?? 0);
  const waits = waitingText(item, place, trans);
  const bounds = boundsText(item, trans);
  return (
    <div className="cnai-Gauge">
      <button
        type="button"
        className="cnai-Gauge-label cnai-Cut"
        aria-pressed={pressed === 'holders'}
        title={trans.__('Show the jobs that use %1', label)}
        onClick={() => onPick('holders')}
      >
        {label}
      </button>
      <span
        className="cnai-Gauge-value"
        title={item.source && `${said(item.source, trans)}: ${oneLine(item.key ?? '')}`}
      >
        {usedText(item, trans)}
      </span>
      <div
        role="meter"
        className="cnai-Gauge-meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={item.limit ?? Math.max(used, 1)}
        aria-valuenow={Math.min(used, item.limit ?? used)}
        aria-valuetext={meterText(item, trans)}
      >
        <Picture item={item} devices={place.devices} />
      </div>
      {bounds && <span className="cnai-Gauge-note">{bounds}</span>}
      {waits && (
        <button
          type="button"
          className="cnai-Gauge-note cnai-Gauge-waits"
          aria-pressed={pressed === 'waiting'}
          title={trans.__('Show the jobs that wait for %1', label)}
          onClick={() => onPick('waiting')}
        >
          <PhaseMark phase="Queued" size={12} trans={trans} />
          {waits}
        </button>
      )}
    </div>
  );
}

function Picture(props: { item: QuotaItem; devices: readonly Device[] }): JSX.Element {
  const shares = sharesOf(props.item);
  const groups = cellsOf(props.item, props.devices);
  if (!groups) {
    return (
      <span className="cnai-Bar8" aria-hidden="true">
        <Parts {...shares} />
      </span>
    );
  }
  let at = 0;
  return (
    <span className="cnai-Cells" aria-hidden="true">
      {groups.map((count, group) => (
        <span className="cnai-Cells-group" key={group} style={{ flexGrow: count }}>
          {Array.from({ length: count }, (_, cell) => (
            <span className="cnai-Bar8" key={cell}>
              <Parts {...cellShares(shares, at++)} />
            </span>
          ))}
        </span>
      ))}
    </span>
  );
}

function Parts({ mine, others, free }: IShares): JSX.Element {
  return (
    <>
      {mine > 0 && <i className="cnai-mod-you" style={{ flexGrow: mine }} />}
      {others > 0 && <i className="cnai-mod-others" style={{ flexGrow: others }} />}
      {free > 0 && <i style={{ flexGrow: free }} />}
    </>
  );
}

/** What the three fillings mean. */
export function Legend({ trans }: { trans: TranslationBundle }): JSX.Element {
  return (
    <div className="cnai-Legend">
      <span>
        <i className="cnai-mod-you" />
        {trans.__('You')}
      </span>
      <span>
        <i className="cnai-mod-others" />
        {trans.__('Others')}
      </span>
      <span>
        <i />
        {trans.__('Free')}
      </span>
    </div>
  );
}
