import { TranslationBundle } from '@jupyterlab/translation';
import { caretRightIcon } from '@jupyterlab/ui-components';
import React, { useState } from 'react';

import { QuotaItem } from '../../generated/wire';
import { PlaceMark } from '../../parts/marks';
import { useStore } from '../../parts/useStore';
import { said } from '../../sentences';
import { IPlace, IStore } from '../../tokens';
import { minuteText, numberText } from '../../words';
import { isCpu, isGpu, labelOf, namesBehind, Part } from './amounts';
import { Gauge, Legend } from './gauge';
import { Holders } from './holders';
import { PanelModel, usePanel } from './model';
import { isThisMachine, placeText, servingPlace } from './places';
import { Queues } from './queues';
import { WhatIf } from './whatIf';

interface IQuotaProps {
  readonly store: IStore;
  readonly model: PanelModel;
  readonly trans: TranslationBundle;
}

/** What may be used and what is left: the serving place whole, each other one in a line. */
export function Quota({ store, model, trans }: IQuotaProps): JSX.Element {
  useStore(store);
  const { holders, whatIf } = usePanel(model);
  const first = servingPlace(store);
  const others = store.places.filter(place => place !== first);
  return (
    <div className="cnai-Quota">
      {first && <Gauges place={first} {...{ store, model, trans }} />}
      {others.map(place => (
        <OtherPlace key={place.source.id} {...{ store, place, model, trans }} />
      ))}
      {whatIf && first && <WhatIf key={first.source.id} place={first} {...{ store, trans }} />}
      {holders && <Holders places={store.places} model={model} trans={trans} />}
    </div>
  );
}

interface IGaugesProps {
  readonly store: IStore;
  readonly place: IPlace;
  readonly model: PanelModel;
  readonly trans: TranslationBundle;
}

function Gauges({ store, place, model, trans }: IGaugesProps): JSX.Element | null {
  const { query } = usePanel(model);
  const { quota, source } = place;
  if (!quota) {
    return source.problem ? <Away place={place} trans={trans} /> : null;
  }
  const items = quota.items ?? [];
  const pressed = (item: QuotaItem): Part | null => {
    const { behind } = query;
    const same = behind?.source === source.id && behind.label === labelOf(item, trans);
    return same ? behind.part : null;
  };
  const pick = (item: QuotaItem, part: Part) => {
    const label = labelOf(item, trans);
    const names = () => namesBehind(store.place(source.id), item, part);
    const again = pressed(item) === part;
    model.narrow({ behind: again ? null : { source: source.id, label, part, names } });
  };
  return (
    <div className="cnai-Gauges">
      {source.problem && <Away place={place} trans={trans} />}
      {items.map(item => (
        <Gauge
          key={`${item.resource} ${item.label ?? ''}`}
          pressed={pressed(item)}
          {...{ item, place, trans }}
          onPick={part => pick(item, part)}
        />
      ))}
      {items.length > 0 && <Legend trans={trans} />}
      <Queues lines={quota.lines ?? []} {...{ model, trans }} />
      <Unseen place={place} trans={trans} />
    </div>
  );
}

/** While a place does not answer: how old its numbers are. The panel's head says why. */
function Away({ place, trans }: { place: IPlace; trans: TranslationBundle }): JSX.Element {
  const { quota, source } = place;
  const name = placeText(source, trans);
  return (
    <p className="cnai-Note">
      {quota && source.since
        ? trans.__('%1 is not available: this is as of %2', name, minuteText(source.since))
        : trans.__('%1 is not available', name)}
    </p>
  );
}

/** In the place of a gauge, why there is none. */
function Unseen({ place, trans }: { place: IPlace; trans: TranslationBundle }): JSX.Element {
  const { items = [], lines = [], unseen = [] } = place.quota ?? {};
  const named = [...items, ...lines.flatMap(line => line.items ?? [])];
  const noGpu = !named.some(isGpu) && !unseen.some(name => /gpu/i.test(name));
  return (
    <>
      {noGpu && (
        <p className="cnai-Note">
          {isThisMachine(place.source)
            ? trans.__('No GPU on this machine. Jobs train on the CPU.')
            : trans.__('No GPU in this place. Jobs train on the CPU.')}
        </p>
      )}
      {unseen.map(name => (
        <p className="cnai-Note" key={name}>
          {/\s/.test(name)
            ? said(name, trans)
            : trans.__('%1: not visible to you', resourceName(name, trans))}
        </p>
      ))}
    </>
  );
}

function resourceName(resource: string, trans: TranslationBundle): string {
  return labelOf({ resource }, trans);
}

function OtherPlace({ store, place, model, trans }: IGaugesProps): JSX.Element {
  const [open, setOpen] = useState(false);
  const items = place.quota?.items ?? [];
  const sums = [sumText(items.filter(isCpu), trans), sumText(items.filter(isGpu), trans)];
  return (
    <>
      <button
        type="button"
        className="cnai-Other"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        <caretRightIcon.react className={open ? 'cnai-mod-open' : ''} tag="span" width="12px" />
        <PlaceMark source={place.source} trans={trans} />
        <span className="cnai-Cut">{placeText(place.source, trans)}</span>
        <span className="cnai-Other-sums cnai-Cut">{sums.filter(Boolean).join(' · ')}</span>
      </button>
      {open && <Gauges {...{ store, place, model, trans }} />}
    </>
  );
}

/** 'GPU 9 of 11', over all kinds of one place; '' when there is none or no limit is known. */
function sumText(items: readonly QuotaItem[], trans: TranslationBundle): string {
  const [first] = items;
  const limit = items.reduce((sum, item) => sum + (item.limit ?? 0), 0);
  if (!first || limit === 0) {
    return '';
  }
  const used = items.reduce((sum, item) => sum + (item.used ?? 0) + (item.others ?? 0), 0);
  const [part, whole] = [numberText(used), numberText(limit)];
  return isGpu(first)
    ? trans.__('GPU %1 of %2', part, whole)
    : trans.__('CPU %1 of %2', part, whole);
}
