import { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { oneLine } from '../../foreign';
import { Line, QuotaItem } from '../../generated/wire';
import { said } from '../../sentences';
import { labelOf, usedText } from './amounts';
import { PanelModel } from './model';

interface IQueuesProps {
  readonly lines: readonly Line[];
  readonly model: PanelModel;
  readonly trans: TranslationBundle;
}

/** How long the lines are, and where in them one's own jobs stand. */
export function Queues({ lines, model, trans }: IQueuesProps): JSX.Element {
  const offered = lines.filter(({ chosen }) => chosen === false).map(({ name }) => oneLine(name));
  return (
    <>
      {lines.map(line => (
        <Queue key={line.name} {...{ line, model, trans }} />
      ))}
      {offered[0] && (
        <p className="cnai-Note">
          {trans.__(
            'No queue is set: %1 in cnai.train puts a job there, %2 all of them.',
            `queue="${offered[0]}"`,
            `CNAI_QUEUE=${offered[0]}`
          )}
        </p>
      )}
    </>
  );
}

interface IQueueProps {
  readonly line: Line;
  readonly model: PanelModel;
  readonly trans: TranslationBundle;
}

function Queue({ line, model, trans }: IQueueProps): JSX.Element {
  const { name, waiting, mine = [], stopped, items = [] } = line;
  return (
    <div className="cnai-Queue">
      <span>
        {typeof waiting === 'number'
          ? trans._n('Queue %2: %1 waits', 'Queue %2: %1 wait', waiting, oneLine(name))
          : trans.__('Queue %1', oneLine(name))}
      </span>
      {stopped && <span className="cnai-Note">{said(stopped, trans)}</span>}
      {items.map(item => (
        <span key={item.resource}>{amountOf(item, trans)}</span>
      ))}
      {mine.map(holder => (
        <button
          type="button"
          className="cnai-Link cnai-Cut"
          key={holder.id || holder.name}
          onClick={() => model.narrow({ text: holder.name, phase: '', behind: null })}
        >
          {holder.position
            ? trans.__('%1: place %2', oneLine(holder.name), String(holder.position))
            : oneLine(holder.name)}
        </button>
      ))}
    </div>
  );
}

function amountOf(item: QuotaItem, trans: TranslationBundle): string {
  return trans.__('%1: %2', oneLine(labelOf(item, trans)), usedText(item, trans));
}
