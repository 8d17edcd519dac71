import { HTMLSelect } from '@jupyterlab/ui-components';
import * as React from 'react';

import { Job, Row } from '../../generated/wire';
import { said } from '../../sentences';
import { Glyph, GlyphButton } from './glyphs';
import { LogView } from './logview';
import { ISearch, useSearch } from './search';
import { IPart, useSignal } from './services';

type ILogs = IPart & { readonly row: Row; readonly job: Job | null };

/** Workers that have a button each; more of them are in a list. */
const BUTTONS = 8;

/** What the workers printed: followed at its end, searched as a whole, opened at what proves. */
export function Logs({ model, services, row, job }: ILogs): JSX.Element {
  const { trans, store } = services;
  const { book, key } = model;
  useSignal(book.changed);
  const [wrap, setWrap] = React.useState(false);
  const [following, setFollowing] = React.useState(true);
  const follow = React.useCallback(() => {
    setFollowing(true);
    if (!book.atEnd) {
      book.toEnd();
    }
  }, [book]);
  const search = useSearch(store, key, book, number => model.show({ line: number }));
  useOpening({ model, services, row, job });
  const host = React.useRef<HTMLElement>(null);
  React.useEffect(() => {
    if (model.logsWanted > 0) {
      host.current?.scrollIntoView?.({ block: 'nearest' });
      host.current?.querySelector<HTMLElement>('[role=log]')?.focus();
    }
  }, [model, model.logsWanted]);
  const chooseRank = (rank: number | undefined): void => {
    setFollowing(true);
    book.choose(rank);
  };
  return (
    <section ref={host} className="cnai-JobLogs" aria-label={trans.__('Logs')}>
      <div className="cnai-JobLogs-bar">
        <h3>{trans.__('Logs')}</h3>
        <Ranks {...{ model, services }} row={row} choose={chooseRank} />
        <SearchBox {...{ model, services, search }} />
        <span className="cnai-Job-space" />
        <GlyphButton
          of="follow"
          name={trans.__('Follow the end')}
          pressed={following && book.atEnd}
          onClick={follow}
        />
        <GlyphButton
          of="wrap"
          name={trans.__('Wrap lines')}
          pressed={wrap}
          onClick={() => setWrap(!wrap)}
        />
        <a
          className="cnai-Job-glyph"
          href={store.logUrl(key, book.rank)}
          download
          title={trans.__('Download')}
          aria-label={trans.__('Download the log')}
        >
          <Glyph of="download" />
        </a>
      </div>
      <LogView
        {...{ model, services, job, wrap, following, setFollowing, follow }}
        sought={search.text}
      />
    </section>
  );
}

/** The log opens at the line that proves the verdict, else at its end. */
function useOpening({ model, row, job }: ILogs): void {
  const { book } = model;
  const awaited = row.workload.phase === 'Failed' && !job;
  React.useEffect(() => {
    if (book.begun || model.target || awaited) {
      return;
    }
    const root = job?.diagnosis?.evidence?.find(line => line.root !== false && line.line);
    if (root) {
      model.show(root, false);
    } else {
      book.toEnd();
    }
  }, [book, model, job, awaited]);
}

function Ranks(
  props: IPart & { row: Row; choose: (rank: number | undefined) => void }
): JSX.Element | null {
  const { model, services, row, choose } = props;
  const { trans } = services;
  const { rank } = model.book;
  const ranks = (row.workload.replicas ?? []).map(replica => replica.rank);
  if (ranks.length < 2) {
    return null;
  }
  if (ranks.length > BUTTONS) {
    return (
      <HTMLSelect
        aria-label={trans.__('Workers')}
        value={rank ?? ''}
        onChange={event => choose(event.target.value ? Number(event.target.value) : undefined)}
      >
        <option value="">{trans.__('All')}</option>
        {ranks.map(each => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </HTMLSelect>
    );
  }
  return (
    <span className="cnai-JobRanks" role="group" aria-label={trans.__('Workers')}>
      <button aria-pressed={rank === undefined} onClick={() => choose(undefined)}>
        {trans.__('All')}
      </button>
      {ranks.map(each => (
        <button
          key={each}
          aria-pressed={rank === each}
          aria-label={trans.__('Worker %1', each)}
          onClick={() => choose(each)}
        >
          {each}
        </button>
      ))}
    </span>
  );
}

function SearchBox({ model, services, search }: IPart & { search: ISearch }): JSX.Element {
  const { trans } = services;
  const { found } = search;
  const input = React.useRef<HTMLInputElement>(null);
  React.useEffect(() => {
    if (model.searchWanted > 0) {
      input.current?.focus();
      input.current?.select();
    }
  }, [model, model.searchWanted]);
  const none = found.numbers.length === 0;
  return (
    <>
      <span className="cnai-JobSearch">
        <Glyph of="search" />
        <input
          ref={input}
          type="text"
          value={search.text}
          placeholder={trans.__('Search')}
          aria-label={trans.__('Search the logs')}
          onChange={event => search.type(event.target.value)}
          onKeyDown={event => {
            if (event.key === 'Enter') {
              search.step(event.shiftKey ? -1 : 1);
            } else if (event.key === 'Escape') {
              search.type('');
            }
          }}
        />
        <span className="cnai-Job-meta" role="status">
          {countText(search, services)}
        </span>
      </span>
      <GlyphButton
        of="up"
        name={trans.__('Previous match')}
        disabled={none}
        onClick={() => search.step(-1)}
      />
      <GlyphButton
        of="down"
        name={trans.__('Next match')}
        disabled={none}
        onClick={() => search.step(1)}
      />
    </>
  );
}

/** '3 of 17'; of a log that is still read, 'of 17+'. */
function countText({ text, found }: ISearch, { trans }: IPart['services']): string {
  if (text === '' || found.text !== text) {
    return '';
  }
  if (found.problem) {
    return said(found.problem, trans);
  }
  if (found.total === 0) {
    return found.complete ? trans.__('No match') : '';
  }
  if (found.at < 0) {
    return trans._n('%1 line', '%1 lines', found.total);
  }
  const total = `${found.total.toLocaleString('en-US')}${found.complete ? '' : '+'}`;
  return trans.__('%1 of %2', (found.at + 1).toLocaleString('en-US'), total);
}
