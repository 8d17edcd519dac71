import { TranslationBundle } from '@jupyterlab/translation';
import { defaultRangeExtractor, useVirtualizer } from '@tanstack/react-virtual';
import React, { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';

import { IEntry, IStore, keyText } from '../../tokens';
import { shownName } from '../../words';
import { JobActions } from './actions';
import { Intent, intentOf, TypeAhead } from './keyboard';
import { IQuery } from './query';
import { JobRow } from './row';
import { IRowDeeds } from './rowTools';
import { IHeldList } from './useArranged';
import { useLook } from './useLook';
import { usePaced } from './usePaced';
import { useRoving } from './useRoving';
import { ISelection } from './useSelection';

interface IJobListProps {
  readonly store: IStore;
  readonly list: IHeldList;
  readonly query: IQuery;
  readonly refusals: ReadonlyMap<string, string>;
  readonly selection: ISelection;
  readonly actions: JobActions;
  readonly trans: TranslationBundle;
  readonly onFilter: () => void;
  readonly onPlace: (source: string) => void;
}

/** All jobs as one grid, of which only the rows in the window are in the page. */
export function JobList(props: IJobListProps): JSX.Element {
  const { store, list, query, refusals, selection, actions, trans } = props;
  const { entries, leave } = list;
  useEffect(() => leave, [leave]);
  const grid = useRef<HTMLDivElement>(null);
  const height = useRowHeight(grid);
  const roving = useRoving(entries, grid);
  const { at } = roving;
  const rows = useVirtualizer({
    count: entries.length,
    getScrollElement: () => grid.current,
    estimateSize: () => height,
    overscan: 6,
    rangeExtractor: range => withRow(defaultRangeExtractor(range), at, entries.length)
  });
  useLayoutEffect(() => rows.measure(), [height]);
  const items = rows.getVirtualItems();
  const shown = usePaced(items.map(item => entries[item.index] as IEntry));
  useLook(store, shown);
  const go = (index: number) => {
    rows.scrollToIndex(index);
    roving.go(index);
  };
  const keys = useGridKeys(props, at, go, () => rows.scrollRect?.height ?? 0, height);
  const deeds = useDeeds(props);
  const pointer = usePointer(props, at, roving.go);
  return (
    <div
      ref={grid}
      role="grid"
      className="cnai-List"
      aria-label={trans.__('Jobs')}
      aria-multiselectable="true"
      aria-rowcount={entries.length}
      tabIndex={-1}
      onScroll={event => list.hold('scrolled', event.currentTarget.scrollTop > 0)}
      onMouseEnter={() => list.hold('hovered', true)}
      onMouseLeave={() => list.hold('hovered', false)}
      onFocus={() => list.hold('focused', true)}
      onBlur={event => {
        list.hold('focused', event.currentTarget.contains(event.relatedTarget));
      }}
      onKeyDown={keys}
      {...pointer}
    >
      <div role="presentation" className="cnai-List-all" style={{ height: rows.getTotalSize() }}>
        {items.map((item, order) => {
          const entry = shown[order] as IEntry;
          const key = keyText(entry);
          return (
            <JobRow
              key={key}
              {...{ entry, height, store, deeds, trans }}
              index={item.index}
              top={item.start}
              active={item.index === at}
              selected={selection.keys.has(key)}
              boxes={selection.keys.size > 0}
              places={store.places.length > 1}
              text={query.text}
              refusal={refusals.get(key) ?? ''}
              waits={actions.waits}
            />
          );
        })}
      </div>
    </div>
  );
}

function withRow(range: number[], at: number, count: number): number[] {
  if (at < 0 || at >= count || range.includes(at)) {
    return range;
  }
  return [...range, at].sort((a, b) => a - b);
}

/** 44 pixels at JupyterLab's 13 pixel text. */
function useRowHeight(grid: React.RefObject<HTMLElement>): number {
  const [height, setHeight] = useState(44);
  useLayoutEffect(() => {
    const size = grid.current ? parseFloat(getComputedStyle(grid.current).fontSize) : NaN;
    if (size > 0) {
      setHeight(Math.round((44 * size) / 13 / 4) * 4);
    }
  }, []);
  return height;
}

/** What rows call; it never changes, so that no row is painted for its sake. */
function useDeeds(props: IJobListProps): IRowDeeds {
  const latest = useRef(props);
  latest.current = props;
  return useMemo(() => {
    const actions = () => latest.current.actions;
    return {
      toggle: entry => {
        const { list, selection } = latest.current;
        selection.toggle(list.entries.findIndex(one => keyText(one) === keyText(entry)));
      },
      narrowTo: source => latest.current.onPlace(source),
      open: key => actions().open(key),
      logs: key => actions().logs(key),
      copyAsCell: key => actions().copyAsCell(key),
      act: (deed, key) => actions().several(deed, [key]),
      menu: (entry, x, y) => actions().menu([entry], x, y)
    };
  }, []);
}

function usePointer(
  props: IJobListProps,
  at: number,
  go: (index: number) => void
): Pick<React.DOMAttributes<HTMLDivElement>, 'onClick' | 'onDoubleClick' | 'onContextMenu'> {
  const { list, selection, actions } = props;
  const rowAt = (event: React.MouseEvent) => {
    const row = (event.target as Element).closest<HTMLElement>('[data-key]');
    return list.entries.findIndex(entry => keyText(entry) === row?.dataset.key);
  };
  const onTool = (event: React.MouseEvent) => (event.target as Element).closest('button, input');
  return {
    onClick: event => {
      const index = rowAt(event);
      if (index < 0 || onTool(event)) {
        return;
      }
      if (event.shiftKey) {
        selection.extend(at, index);
      } else if (event.ctrlKey || event.metaKey) {
        selection.toggle(index);
      }
      go(index);
    },
    onDoubleClick: event => {
      const entry = list.entries[rowAt(event)];
      if (entry && !onTool(event)) {
        actions.open(entry);
      }
    },
    onContextMenu: event => {
      const entry = list.entries[rowAt(event)];
      if (entry && !event.shiftKey) {
        event.preventDefault();
        event.stopPropagation();
        actions.menu(together(entry, selection), event.clientX, event.clientY);
      }
    }
  };
}

/** What a row's menu is about: all that is selected where the row is, otherwise the row alone. */
function together(entry: IEntry, selection: ISelection): readonly IEntry[] {
  return selection.keys.has(keyText(entry)) ? selection.entries : [entry];
}

function useGridKeys(
  props: IJobListProps,
  at: number,
  go: (index: number) => void,
  seen: () => number,
  height: number
): React.KeyboardEventHandler<HTMLDivElement> {
  const { list, selection, actions, onFilter } = props;
  const ahead = useRef(new TypeAhead());
  const { entries } = list;
  const targets = () => {
    const active = entries[at];
    return selection.entries.length > 0 ? selection.entries : active ? [active] : [];
  };
  const carryOut = (intent: Intent, row: HTMLElement) => {
    const active = entries[at];
    switch (intent.do) {
      case 'move':
        go(intent.to);
        return intent.extend ? selection.extend(at, intent.to) : undefined;
      case 'find': {
        const found = ahead.current.find(intent.text, entries.map(nameOf), at);
        return found >= 0 ? go(found) : undefined;
      }
      case 'open':
        return active && actions.open(active);
      case 'select':
        return selection.toggle(at);
      case 'all':
        return selection.all();
      case 'delete':
        return void actions.several('delete', actions.fitting('delete', targets()));
      case 'menu': {
        const { left, bottom } = row.getBoundingClientRect();
        return active && actions.menu(together(active, selection), left, bottom);
      }
      case 'filter':
        return onFilter();
      case 'enter':
        return visibleTools(row)[0]?.focus();
      case 'escape':
        return selection.clear();
    }
  };
  return event => {
    const row = (event.target as Element).closest<HTMLElement>('[role="row"]');
    if (!row || entries.length === 0) {
      return;
    }
    if (event.target !== row) {
      return moveAmongTools(event, row);
    }
    const page = Math.max(Math.floor(seen() / height) - 1, 1);
    const where = { at, count: entries.length, page, typing: ahead.current.typing };
    const intent = intentOf(event, where);
    if (intent) {
      event.preventDefault();
      event.stopPropagation();
      carryOut(intent, row);
    }
  };
}

function nameOf(entry: IEntry): string {
  return shownName(entry.row.workload);
}

function visibleTools(row: HTMLElement): HTMLElement[] {
  const tools = row.querySelectorAll<HTMLElement>('.cnai-JobRow-tools button');
  return [...tools].filter(tool => getComputedStyle(tool).display !== 'none');
}

/** Inside of a row's buttons: arrows go along them, and the first one or Escape goes back. */
function moveAmongTools(event: React.KeyboardEvent, row: HTMLElement): void {
  const tools = visibleTools(row);
  const at = tools.indexOf(event.target as HTMLElement);
  const to = { ArrowRight: Math.min(at + 1, tools.length - 1), ArrowLeft: at - 1, Escape: -1 }[
    event.key
  ];
  if (to !== undefined) {
    event.preventDefault();
    event.stopPropagation();
    (tools[to] ?? row).focus();
  }
}
