import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { oneLine } from '../../foreign';
import { ISeries } from './series';

const SHOWN = 500;

/** The numbers behind the charts, newest first. */
export function ValueTable(props: {
  series: readonly ISeries[];
  unit: string;
  trans: TranslationBundle;
  onClose: () => void;
}): JSX.Element {
  const { series, unit, trans, onClose } = props;
  const host = React.useRef<HTMLDivElement>(null);
  React.useEffect(() => host.current?.focus(), []);
  const columns = series.map(each => new Map(each.points.map(point => [point.x, point.value])));
  const steps = [...new Set(columns.flatMap(column => [...column.keys()]))].sort((a, b) => b - a);
  return (
    <div
      ref={host}
      className="cnai-JobValues"
      tabIndex={0}
      role="region"
      aria-label={trans.__('Table of values')}
      onKeyDown={event => {
        if (event.key === 'Escape' || event.key.toLowerCase() === 't') {
          event.stopPropagation();
          onClose();
        }
      }}
    >
      <table className="cnai-Job-table">
        <thead>
          <tr>
            <th scope="col">{unit}</th>
            {series.map(each => (
              <th scope="col" className="cnai-mod-right" key={each.name}>
                {oneLine(each.name)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {steps.slice(0, SHOWN).map(step => (
            <tr key={step}>
              <td>{step}</td>
              {columns.map((column, n) => (
                <td className="cnai-mod-right" key={n}>
                  {column.has(step) ? String(column.get(step)) : ''}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {steps.length > SHOWN && (
        <p className="cnai-Job-meta">
          {trans._n(
            '%1 older step is not shown',
            '%1 older steps are not shown',
            steps.length - SHOWN
          )}
        </p>
      )}
    </div>
  );
}
