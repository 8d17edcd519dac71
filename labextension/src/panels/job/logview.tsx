import { useVirtualizer, Virtualizer } from '@tanstack/react-virtual';
import * as React from 'react';

import { problemText } from '../../sentences';
import { Evidence, Job } from '../../generated/wire';
import { LineView, Proof } from './line';
import { LogBook, LogRow } from './logbook';
import { IPart } from './services';

/** The height of a line that is not wrapped. */
export const LINE = 17;
/** How near an end of the window more of the log is asked for, in lines. */
const NEAR = 60;

type ILogView = IPart & {
  readonly job: Job | null;
  readonly wrap: boolean;
  readonly sought: string;
  readonly following: boolean;
  readonly setFollowing: (following: boolean) => void;
  readonly follow: () => void;
};

/** The lines on the screen, of those that the book holds. */
export function LogView(props: ILogView): JSX.Element {
  const { model, services, job, wrap, sought, following, follow } = props;
  const { book } = model;
  const { trans, rendermime } = services;
  const rows = book.rows;
  const view = React.useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => view.current,
    estimateSize: () => LINE,
    getItemKey: index => keyOf(rows[index]),
    initialRect: { width: 600, height: 300 },
    overscan: 20
  });
  React.useEffect(() => virtual.measure(), [virtual, wrap]);
  const onScroll = useScrolling(props, view, virtual, rows);
  const proofs = React.useMemo(() => proofsOf(job?.diagnosis?.evidence), [job]);
  return (
    <div className="cnai-JobLog-frame">
      <div
        ref={view}
        className={`cnai-JobLog${wrap ? ' cnai-mod-wrap' : ''}`}
        role="log"
        aria-live="off"
        aria-label={trans.__('Lines of the log')}
        tabIndex={0}
        onScroll={onScroll}
        onKeyDown={event => {
          if (event.key === 'End') {
            event.preventDefault();
            follow();
          } else if (event.key === 'Home') {
            // Where it scrolls smoothly, a browser would go on over each page that comes above.
            event.preventDefault();
            event.currentTarget.scrollTop = 0;
          }
        }}
      >
        <div
          className="cnai-JobLog-all"
          style={{ height: virtual.getTotalSize(), ...widthOf(rows[rows.length - 1]) }}
        >
          {virtual.getVirtualItems().map(item => (
            <div
              key={item.key}
              ref={wrap ? virtual.measureElement : undefined}
              data-index={item.index}
              className="cnai-JobLog-slot"
              style={{ transform: `translateY(${item.start}px)` }}
            >
              <LineView
                row={rows[item.index]!}
                proof={proofs.get(numberOf(rows[item.index]) ?? -1)}
                current={numberOf(rows[item.index]) === model.target?.number}
                {...{ sought, rendermime, trans }}
              />
            </div>
          ))}
        </div>
      </div>
      <Said {...{ model, services }} />
      {!(following && book.atEnd) &&
        book.begun &&
        !book.waiting &&
        !(book.done && atFoot(view)) && (
          <button className="cnai-JobLog-follow cnai-Job-button" onClick={follow}>
            {book.done ? trans.__('To the end') : trans.__('Follow')}
          </button>
        )}
    </div>
  );
}

/** Why there are no lines, or no more of them. */
function Said({ model, services }: IPart): JSX.Element | null {
  const { book } = model;
  const { trans } = services;
  if (book.problem) {
    return (
      <p className="cnai-JobLog-said" role="alert">
        {problemText(book.problem, trans)}{' '}
        <button className="cnai-Job-link" onClick={() => book.choose(book.rank)}>
          {trans.__('Try again')}
        </button>
      </p>
    );
  }
  if (book.waiting || book.rows.length > 0) {
    return null;
  }
  return (
    <p className="cnai-JobLog-said">
      {book.done ? trans.__('Nothing was printed.') : trans.__('Nothing is printed yet.')}
    </p>
  );
}

type View = React.RefObject<HTMLDivElement>;
type Lines = Virtualizer<HTMLDivElement, Element>;

/** Keeps the place: at the end while it is followed, at what is read otherwise, at what is sought. */
function useScrolling(
  { model, following, setFollowing }: ILogView,
  view: View,
  virtual: Lines,
  rows: readonly LogRow[]
): () => void {
  const { book, target } = model;
  const pending = React.useRef<number | null>(null);
  const before = React.useRef<readonly LogRow[]>([]);
  const foot = React.useRef<number | null>(null);
  const late = React.useRef(false);
  React.useEffect(() => {
    if (target) {
      pending.current = target.number;
      setFollowing(false);
      book.hold(true);
      void book.goTo(target.number, target.rank).then(() => settle());
    }
  }, [book, target]);
  const settle = (): void => {
    const node = view.current;
    const index = book.rows.findIndex(row => numberOf(row) === pending.current);
    if (!node || pending.current === null || index < 0 || index >= virtual.options.count) {
      return;
    }
    pending.current = null;
    node.scrollTop = virtual.getOffsetForIndex(index, 'center')?.[0] ?? index * LINE;
    if (target?.asked) {
      node.scrollIntoView?.({ block: 'nearest' });
    }
  };
  React.useLayoutEffect(() => {
    const node = view.current!;
    const shift = shiftOf(before.current, rows);
    before.current = rows;
    if (pending.current !== null) {
      settle();
    } else if (following && book.atEnd) {
      // Somebody may have scrolled up, of which the event comes only after this.
      if (foot.current === null || node.scrollTop >= foot.current - LINE || atFoot(view)) {
        node.scrollTop = node.scrollHeight;
        foot.current = node.scrollTop;
      }
    } else if (shift !== 0) {
      node.scrollTop += shift * LINE;
    }
    if (late.current) {
      late.current = false;
      more(book, node);
    }
  }, [rows, following]);
  return () => {
    const node = view.current!;
    const atFootNow = atFoot(view) && book.atEnd;
    foot.current = atFootNow ? node.scrollTop : null;
    if (pending.current === null && atFootNow !== following) {
      setFollowing(atFootNow);
    }
    book.hold(!atFootNow);
    // Rows that have come and are not drawn yet leave it where it was: more would be one page too many.
    late.current = book.rows !== before.current;
    if (!late.current) {
      more(book, node);
    }
  };
}

function more(book: LogBook, { scrollTop, clientHeight, scrollHeight }: HTMLDivElement): void {
  const below = scrollHeight - clientHeight - scrollTop;
  if (scrollTop < NEAR * LINE) {
    void book.older();
  }
  if (below < NEAR * LINE) {
    void book.newer();
  }
}

/** By how many rows what was at the top has moved down. */
function shiftOf(before: readonly LogRow[], after: readonly LogRow[]): number {
  const first = before.find(row => row.kind === 'line');
  if (!first || before === after) {
    return 0;
  }
  const number = numberOf(first);
  const now = after.findIndex(row => numberOf(row) === number);
  return now < 0 ? 0 : now - before.indexOf(first);
}

/** Room for the longest number. */
function widthOf(last: LogRow | undefined): React.CSSProperties {
  const digits = (numberOf(last) ?? 0).toLocaleString('en-US').length;
  return { '--cnai-number': `${Math.max(digits, 5) + 2}ch` } as React.CSSProperties;
}

function atFoot(view: View): boolean {
  const node = view.current;
  return !node || node.scrollHeight - node.clientHeight - node.scrollTop < 2 * LINE;
}

function numberOf(row: LogRow | undefined): number | undefined {
  return row?.kind === 'line' && !row.line.partial ? row.line.number : undefined;
}

function keyOf(row: LogRow | undefined): string {
  if (!row) {
    return '';
  }
  if (row.kind === 'lost') {
    return `lost ${row.after}`;
  }
  const { partial, rank, number } = row.line;
  return partial ? `partial ${rank ?? 0}` : `line ${number ?? 0}`;
}

function proofsOf(evidence: readonly Evidence[] = []): Map<number, Proof> {
  return new Map(
    evidence
      .filter(each => each.line)
      .map(each => [each.line!, each.root === false ? 'consequence' : 'root'])
  );
}
