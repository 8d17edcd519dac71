import { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { Holder, QuotaItem } from '../../generated/wire';
import { IPlace } from '../../tokens';
import { amountText, labelOf } from './amounts';
import { PanelModel } from './model';
import { placeText } from './places';

interface IHoldersProps {
  readonly places: readonly IPlace[];
  readonly model: PanelModel;
  readonly trans: TranslationBundle;
}

/** Who uses what, by name. */
export function Holders({ places, model, trans }: IHoldersProps): JSX.Element {
  const used = places.flatMap(place =>
    (place.quota?.items ?? [])
      .filter(item => (item.holders?.length ?? 0) > 0 || (item.others ?? 0) > 0)
      .map(item => ({ place, item }))
  );
  return (
    <section className="cnai-Holders" aria-label={trans.__('Who uses what')}>
      {used.length === 0 && <p className="cnai-Note">{trans.__('Nothing is in use.')}</p>}
      {used.map(({ place, item }) => (
        <HoldersOf
          key={`${place.source.id} ${item.resource} ${item.label ?? ''}`}
          place={places.length > 1 ? place : null}
          {...{ item, trans }}
          onPick={holder => model.narrow({ text: holder.name, phase: '', behind: null })}
        />
      ))}
    </section>
  );
}

interface IHoldersOfProps {
  readonly place: IPlace | null;
  readonly item: QuotaItem;
  readonly trans: TranslationBundle;
  readonly onPick: (holder: Holder) => void;
}

function HoldersOf({ place, item, trans, onPick }: IHoldersOfProps): JSX.Element {
  const label = labelOf(item, trans);
  const title = place
    ? trans.__('Who uses %1 of %2', label, placeText(place.source, trans))
    : trans.__('Who uses %1', label);
  const holders = [...(item.holders ?? [])].sort((a, b) => b.amount - a.amount);
  return (
    <>
      <h4 className="cnai-Holders-title">{title}</h4>
      <dl className="cnai-Holders-list">
        {holders.map(holder => (
          <React.Fragment key={holder.name}>
            <dt className="cnai-Cut" title={holder.name}>
              {(holder.mine ?? true) ? (
                <button type="button" className="cnai-Link cnai-Cut" onClick={() => onPick(holder)}>
                  <bdi>{holder.name}</bdi>
                </button>
              ) : (
                <bdi>{holder.name}</bdi>
              )}
            </dt>
            <dd>{amountText(item, holder.amount, trans)}</dd>
          </React.Fragment>
        ))}
        {(item.others ?? 0) > 0 && (
          <>
            <dt>{trans.__('Other processes')}</dt>
            <dd>{amountText(item, item.others ?? 0, trans)}</dd>
          </>
        )}
      </dl>
    </>
  );
}
