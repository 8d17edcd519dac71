import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

import { oneLine } from '../../foreign';
import { useTheme } from './colours';
import { chartOptions, IMarks, Look, Range, tickText } from './drawing';
import { columnsOf, IPoint, oddOf } from './series';

export interface ILine {
  readonly look: Look;
  readonly points: readonly IPoint[];
}

export interface IChart {
  readonly name: string;
  /** What the axis counts: 'epoch', 'step', 's'. */
  readonly unit: string;
  /** The first is this job's. */
  readonly lines: readonly ILine[];
  readonly log: boolean;
  readonly zoom: Range | null;
  readonly failed: number | null;
  readonly limit?: IMarks['limit'];
  readonly format: (value: number) => string;
  readonly trans: TranslationBundle;
  readonly onZoom: (range: Range | null) => void;
  readonly onTable: () => void;
}

const HEIGHT = 136;

/** One metric as a line, read by the pointer or point by point with the arrows. */
export function Chart(props: IChart): JSX.Element {
  const { name, lines, format, trans } = props;
  const host = React.useRef<HTMLDivElement>(null);
  const [at, setAt] = React.useState<number | null>(null);
  const own = React.useMemo(() => lines[0]?.points ?? [], [lines]);
  const plot = usePlot(host, props, own, setAt);
  const last = own[own.length - 1];
  const read = at === null ? undefined : own[at];
  return (
    <figure className="cnai-JobChart">
      <figcaption>
        <bdi className="cnai-Job-cut" title={oneLine(name)}>
          {oneLine(name)}
        </bdi>
        <span className="cnai-JobChart-value">{last ? format(last.value) : '–'}</span>
        <output className="cnai-Job-meta" aria-live="polite">
          {read && trans.__('%1 %2: %3', props.unit, String(read.x), format(read.value))}
        </output>
      </figcaption>
      <div
        ref={host}
        className="cnai-JobChart-plot"
        tabIndex={0}
        role="group"
        aria-label={trans.__(
          'Chart of %1: arrows read point by point, T shows the table of values',
          oneLine(name)
        )}
        onKeyDown={event => onKey(event, { props, own, at, setAt, plot })}
        onBlur={() => plot.current?.setCursor({ left: -10, top: -10 })}
      />
    </figure>
  );
}

type Plot = React.MutableRefObject<uPlot | null>;

/** uPlot follows what it is given; it is made anew only where its options differ. */
function usePlot(
  host: React.RefObject<HTMLDivElement>,
  props: IChart,
  own: readonly IPoint[],
  setAt: (at: number | null) => void
): Plot {
  const { lines, log, zoom } = props;
  const plot = React.useRef<uPlot | null>(null);
  const latest = React.useRef({ props, own });
  latest.current = { props, own };
  const theme = useTheme();
  const columns = React.useMemo(
    () => columnsOf(lines.map(line => line.points), log ? 0 : -Infinity), // prettier-ignore
    [lines, log]
  );
  const data = [columns.x, ...columns.lines] as uPlot.AlignedData;
  const looks = lines.map(line => line.look).join();
  React.useEffect(() => {
    const node = host.current!;
    const made = new uPlot(
      chartOptions({
        width: Math.max(node.clientWidth, 120),
        height: HEIGHT,
        looks: looks.split(',') as Look[],
        log,
        label: tickText,
        zoom: () => latest.current.props.zoom,
        marks: () => marksOf(latest.current.props, latest.current.own),
        onZoom: range => latest.current.props.onZoom(range),
        onPoint: index => setAt(index === null ? null : nearest(made, index, latest.current.own))
      }),
      data,
      node
    );
    plot.current = made;
    const sizes = new ResizeObserver(() => {
      if (node.clientWidth > 0) {
        made.setSize({ width: node.clientWidth, height: HEIGHT });
      }
    });
    sizes.observe(node);
    return () => {
      sizes.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [looks, log]);
  React.useEffect(() => plot.current?.setData(data), [columns, zoom]);
  React.useEffect(() => plot.current?.redraw(false, true), [theme]);
  return plot;
}

function marksOf({ failed, limit }: IChart, own: readonly IPoint[]): IMarks {
  return { odd: oddOf(own).map(point => point.x), failed, limit: limit ?? null };
}

/** The point of this job at, or last before, a column of the chart. */
function nearest(plot: uPlot, index: number, own: readonly IPoint[]): number | null {
  const x = plot.data[0]?.[index];
  if (x === undefined || own.length === 0) {
    return null;
  }
  const after = own.findIndex(point => point.x > x);
  return Math.max(0, (after < 0 ? own.length : after) - 1);
}

interface IReading {
  readonly props: IChart;
  readonly own: readonly IPoint[];
  readonly at: number | null;
  readonly setAt: (at: number | null) => void;
  readonly plot: Plot;
}

function onKey(event: React.KeyboardEvent, reading: IReading): void {
  if (event.ctrlKey || event.metaKey || event.altKey) {
    return;
  }
  const { own, at, props } = reading;
  const last = own.length - 1;
  const moves: Record<string, () => void> = {
    ArrowRight: () => (event.shiftKey ? zoomBy(0.5, reading) : readAt((at ?? -1) + 1, reading)),
    ArrowLeft: () => (event.shiftKey ? zoomBy(2, reading) : readAt((at ?? last + 1) - 1, reading)),
    Home: () => readAt(0, reading),
    End: () => readAt(last, reading),
    '0': () => props.onZoom(null),
    t: () => props.onTable(),
    T: () => props.onTable()
  };
  const move = moves[event.key];
  if (move) {
    event.preventDefault();
    event.stopPropagation();
    move();
  }
}

function readAt(wanted: number, { own, setAt, plot }: IReading): void {
  const at = Math.min(Math.max(wanted, 0), own.length - 1);
  const point = own[at];
  if (!point) {
    return;
  }
  setAt(at);
  const left = plot.current?.valToPos(point.x, 'x');
  if (left !== undefined) {
    plot.current?.setCursor({ left, top: 10 }, false);
  }
}

/** Half, or twice, of what is shown, around the point that is read. */
function zoomBy(factor: number, { own, at, props }: IReading): void {
  const [first, last] = [own[0]?.x, own[own.length - 1]?.x];
  if (first === undefined || last === undefined || first === last) {
    return;
  }
  const [low, high] = props.zoom ?? [first, last];
  const middle = at === null ? (low + high) / 2 : own[at]!.x;
  const half = ((high - low) * factor) / 2;
  const range: Range = [Math.max(first, middle - half), Math.min(last, middle + half)];
  props.onZoom(range[0] <= first && range[1] >= last ? null : range);
}
