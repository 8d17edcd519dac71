import uPlot from 'uplot';

import { numberText } from '../../words';
import { themed } from './colours';
import { incrementsOf } from './series';

/** How a line looks: this job, the one compared with, or one of many that do not matter most. */
export type Look = 'own' | 'other' | 'quiet';

/** What is drawn beside the lines. */
export interface IMarks {
  /** Steps on the axis at which the value is no number. */
  readonly odd: readonly number[];
  /** The step at which the job failed, or null. */
  readonly failed: number | null;
  /** A value not to be exceeded, with its label, or null. */
  readonly limit: { readonly value: number; readonly label: string } | null;
}

export type Range = readonly [number, number];

const TICK = 11;

/** uPlot's options for one chart; colours are read from the theme each time it is drawn. */
export function chartOptions(of: {
  width: number;
  height: number;
  looks: readonly Look[];
  log: boolean;
  label: (value: number) => string;
  zoom: () => Range | null;
  marks: () => IMarks;
  onZoom: (range: Range | null) => void;
  onPoint: (index: number | null) => void;
}): uPlot.Options {
  const font = `${TICK}px ${themed('--jp-ui-font-family')}`;
  return {
    width: of.width,
    height: of.height,
    legend: { show: false },
    padding: [6, 8, 0, 0],
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false },
      points: { size: 5 },
      bind: { dblclick: () => () => (of.onZoom(null), null) }
    },
    scales: {
      x: { time: false, range: (_, low, high) => widened(of.zoom() ?? [low, high]) },
      y: { distr: of.log ? 3 : 1, range: (_, low, high) => valueRange(of, low, high) }
    },
    axes: [
      {
        ...AXIS,
        font,
        stroke: () => themed('--jp-ui-font-color2'),
        grid: { show: false },
        size: 18,
        incrs: u => incrementsOf(u.data[0])
      },
      {
        ...AXIS,
        font,
        stroke: () => themed('--jp-ui-font-color2'),
        grid: { stroke: () => themed('--jp-border-color2'), width: 1 },
        size: 44,
        space: 28,
        values: (_, ticks) => ticks.map(tick => (tick === null ? '' : of.label(tick)))
      }
    ],
    series: [{}, ...of.looks.map(line)],
    hooks: {
      draw: [u => drawMarks(u, of.marks())],
      setSelect: [u => select(u, of.onZoom)],
      setCursor: [u => of.onPoint(u.cursor.left! < 0 ? null : (u.cursor.idx ?? null))]
    }
  };
}

const AXIS: uPlot.Axis = { ticks: { show: false }, gap: 6, labelGap: 0 };

/** A tick of an axis in as little room as it can have. */
export function tickText(value: number): string {
  const size = Math.abs(value);
  if (size >= 10_000) {
    return value.toLocaleString('en-US', { notation: 'compact', maximumSignificantDigits: 3 });
  }
  return numberText(value);
}

function line(look: Look): uPlot.Series {
  const stroke = (): string =>
    look === 'own' ? themed('--jp-brand-color1') : themed('--jp-ui-font-color2');
  return {
    stroke,
    width: look === 'own' ? 1.75 : look === 'other' ? 1.5 : 1,
    ...(look === 'other' ? { dash: [4, 3] } : {}),
    points: { show: (u, n) => lonely(u.data[n] ?? []), size: 5, stroke, fill: stroke }
  };
}

/** A line of which no two points are joined would not be seen without dots. */
function lonely(values: ArrayLike<number | null | undefined>): boolean {
  const known = Array.from(values).filter(value => value !== undefined);
  return known.every((value, n) => value === null || (known[n + 1] ?? null) === null);
}

function widened([low, high]: Range): uPlot.Range.MinMax {
  return low === high ? [low - 1, high + 1] : [low, high];
}

function valueRange(
  of: { log: boolean; marks: () => IMarks },
  low: number | null,
  high: number | null
): uPlot.Range.MinMax {
  if (low === null || high === null) {
    return of.log ? [0.1, 10] : [0, 1];
  }
  if (of.log) {
    return uPlot.rangeLog(low, high, 10, false);
  }
  const limit = of.marks().limit?.value;
  const top = limit !== undefined && limit < 4 * high ? Math.max(limit, high) : high;
  return uPlot.rangeNum(low, top, 0.1, true);
}

function select(u: uPlot, onZoom: (range: Range) => void): void {
  const { left, width } = u.select;
  if (width < 3) {
    return;
  }
  const range: Range = [u.posToVal(left, 'x'), u.posToVal(left + width, 'x')];
  u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  onZoom(range);
}

function drawMarks(u: uPlot, marks: IMarks): void {
  const { ctx, bbox } = u;
  const pixel = uPlot.pxRatio;
  const base = Math.round(bbox.top + bbox.height) - pixel / 2;
  ctx.save();
  ctx.setLineDash([]);
  ctx.lineWidth = pixel;
  ctx.strokeStyle = themed('--jp-ui-font-color2');
  stroke(ctx, [bbox.left, base], [bbox.left + bbox.width, base]);
  drawLast(u, pixel);
  if (marks.limit) {
    drawLimit(u, marks.limit, pixel);
  }
  for (const x of marks.odd) {
    drawOdd(u, x, base, pixel);
  }
  if (marks.failed !== null) {
    drawCross(u, marks.failed, base, pixel);
  }
  ctx.restore();
}

/** A dot at the newest value of this job. */
function drawLast(u: uPlot, pixel: number): void {
  const [xs, ys] = [u.data[0], u.data[1] ?? []];
  let n = ys.length - 1;
  while (n >= 0 && (ys[n] === null || ys[n] === undefined)) {
    n -= 1;
  }
  if (n < 0 || !inside(u, xs[n]!)) {
    return;
  }
  u.ctx.fillStyle = themed('--jp-brand-color1');
  u.ctx.beginPath();
  u.ctx.arc(u.valToPos(xs[n]!, 'x', true), u.valToPos(ys[n]!, 'y', true), 2.5 * pixel, 0, 7);
  u.ctx.fill();
}

function drawLimit(u: uPlot, limit: NonNullable<IMarks['limit']>, pixel: number): void {
  const { ctx, bbox } = u;
  const y = u.valToPos(limit.value, 'y', true);
  if (y < bbox.top - 1 || y > bbox.top + bbox.height) {
    return;
  }
  ctx.setLineDash([2 * pixel, 2 * pixel]);
  ctx.strokeStyle = themed('--jp-error-color1');
  stroke(ctx, [bbox.left, y], [bbox.left + bbox.width, y]);
  ctx.setLineDash([]);
  ctx.fillStyle = themed('--jp-ui-font-color1');
  ctx.font = `${TICK * pixel}px ${themed('--jp-ui-font-family')}`;
  ctx.textAlign = 'right';
  ctx.textBaseline = 'bottom';
  ctx.fillText(limit.label, bbox.left + bbox.width, y - 2 * pixel);
}

/** A value that is no number: a small triangle upon the axis. */
function drawOdd(u: uPlot, x: number, base: number, pixel: number): void {
  if (!inside(u, x)) {
    return;
  }
  const at = u.valToPos(x, 'x', true);
  u.ctx.fillStyle = themed('--jp-warn-color0');
  u.ctx.beginPath();
  u.ctx.moveTo(at, base - 7 * pixel);
  u.ctx.lineTo(at - 4 * pixel, base);
  u.ctx.lineTo(at + 4 * pixel, base);
  u.ctx.fill();
}

function drawCross(u: uPlot, x: number, base: number, pixel: number): void {
  if (!inside(u, x)) {
    return;
  }
  const at = u.valToPos(x, 'x', true);
  const arm = 3.5 * pixel;
  u.ctx.strokeStyle = themed('--jp-error-color1');
  u.ctx.lineWidth = 1.5 * pixel;
  stroke(u.ctx, [at - arm, base - arm], [at + arm, base + arm]);
  stroke(u.ctx, [at + arm, base - arm], [at - arm, base + arm]);
}

function inside(u: uPlot, x: number): boolean {
  const { min, max } = u.scales.x!;
  return min !== undefined && max !== undefined && min !== null && x >= min && x <= max;
}

function stroke(
  ctx: CanvasRenderingContext2D,
  [x, y]: readonly [number, number],
  [toX, toY]: readonly [number, number]
): void {
  ctx.beginPath();
  ctx.moveTo(x, y);
  ctx.lineTo(toX, toY);
  ctx.stroke();
}
