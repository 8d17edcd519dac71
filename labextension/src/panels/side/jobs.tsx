import { TranslationBundle } from '@jupyterlab/translation';
import React, { useEffect, useRef, useState } from 'react';

import { useStore } from '../../parts/useStore';
import { IStore } from '../../tokens';
import { JobActions } from './actions';
import { Announcer } from './announcer';
import { Bulk } from './bulk';
import { Filter } from './filter';
import { JobList } from './list';
import { PanelModel, usePanel } from './model';
import { placeText } from './places';
import { IQuery, narrows } from './query';
import { NothingYet } from './nothingYet';
import { IHeldList, useArranged } from './useArranged';
import { useSelection } from './useSelection';

interface IJobsProps {
  readonly store: IStore;
  readonly model: PanelModel;
  readonly actions: JobActions;
  readonly announcer: Announcer;
  readonly trans: TranslationBundle;
}

/** All jobs: filter, list, and what can be done to several. */
export function Jobs(props: IJobsProps): JSX.Element {
  const { store, model, actions, announcer, trans } = props;
  const { query, refusals } = usePanel(model);
  const loaded = useStore(store, isLoaded);
  const list = useArranged(store, query);
  const selection = useSelection(list.entries);
  const filter = useRef<HTMLInputElement>(null);
  const matching = list.entries.length;
  useEffect(() => model.set({ matching }), [model, matching]);
  useSaidMatches(query, matching, announcer, trans);
  if (!loaded) {
    return <Loading store={store} trans={trans} />;
  }
  if (store.entries.length === 0) {
    return <NothingYet actions={actions} trans={trans} />;
  }
  return (
    <div className="cnai-Jobs">
      <Filter {...{ store, model, trans }} inputRef={filter} />
      <Only {...{ store, model, trans }} />
      <div className="cnai-Jobs-list">
        {list.fresh > 0 && <Fresh list={list} trans={trans} />}
        <JobList
          {...{ store, list, query, refusals, selection, actions, trans }}
          onFilter={() => filter.current?.focus()}
          onPlace={source => model.narrow({ source })}
        />
      </div>
      {narrows(query) && list.others > 0 && (
        <p className="cnai-Others">
          {matching > 0
            ? trans._n('%1 more does not match.', '%1 more do not match.', list.others)
            : trans._n('%1 job does not match.', '%1 jobs do not match.', list.others)}{' '}
          <button type="button" className="cnai-Link" onClick={() => model.clear()}>
            {trans.__('Clear the filter')}
          </button>
        </p>
      )}
      <Bulk {...{ selection, actions, trans }} />
    </div>
  );
}

function isLoaded(store: IStore): boolean {
  return store.places.some(place => place.loaded);
}

/** Nothing at first, since the first snapshot mostly comes at once. */
function Loading({ store, trans }: Pick<IJobsProps, 'store' | 'trans'>): JSX.Element {
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    const timer = window.setTimeout(() => setSlow(true), 300);
    return () => window.clearTimeout(timer);
  }, []);
  const tries = store.connection === 'connecting' || store.connection === 'live';
  return (
    <div className="cnai-Jobs">
      {slow && tries && <p className="cnai-Note">{trans.__('Loading jobs')}</p>}
    </div>
  );
}

function Fresh({ list, trans }: { list: IHeldList; trans: TranslationBundle }): JSX.Element {
  const show = (event: React.MouseEvent) => {
    const grid = event.currentTarget.parentElement?.querySelector('.cnai-List');
    grid?.scrollTo?.({ top: 0 });
    list.release();
  };
  return (
    <button type="button" className="cnai-Button cnai-Fresh" onClick={show}>
      {trans._n('%1 new', '%1 new', list.fresh)}
    </button>
  );
}

/** What the list is narrowed to, beside text and phase. */
function Only({ store, model, trans }: Pick<IJobsProps, 'store' | 'model' | 'trans'>) {
  const { query } = usePanel(model);
  const source = store.place(query.source)?.source;
  if (!query.behind && !source) {
    return null;
  }
  return (
    <p className="cnai-Others">
      {query.behind &&
        (query.behind.part === 'waiting'
          ? trans.__('Only jobs that wait for %1.', query.behind.label)
          : trans.__('Only jobs that use %1.', query.behind.label))}{' '}
      {source && trans.__('Only jobs on %1.', placeText(source, trans))}{' '}
      <button
        type="button"
        className="cnai-Link"
        onClick={() => model.narrow({ behind: null, source: '' })}
      >
        {trans.__('Show all')}
      </button>
    </p>
  );
}

function useSaidMatches(
  query: IQuery,
  matching: number,
  announcer: Announcer,
  trans: TranslationBundle
): void {
  const first = useRef(query);
  useEffect(() => {
    if (first.current === query) {
      return;
    }
    first.current = query;
    const timer = window.setTimeout(
      () => announcer.say(trans._n('%1 job matches', '%1 jobs match', matching)),
      500
    );
    return () => window.clearTimeout(timer);
  }, [query]);
}
