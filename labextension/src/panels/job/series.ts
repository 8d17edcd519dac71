import { Metric, Row } from '../../generated/wire';
import { fromWire } from '../../words';

/** Beyond it the span of two values would be infinite. */
const DRAWN = 1e300;

export interface IPoint {
  readonly x: number;
  readonly value: number;
}

/** One metric of one job over its steps, x rising; values that are not finite are kept. */
export interface ISeries {
  readonly name: string;
  readonly points: readonly IPoint[];
}

/** The columns of one chart, as uPlot takes them: null is a gap, undefined none. */
export interface IColumns {
  readonly x: number[];
  readonly lines: (number | null | undefined)[][];
}

/**
 * What rank 0 reported in the last attempt, a series a metric in the order they first came.
 *
 * Where rank 0 is silent the lowest rank that spoke stands for the job.
 */
export function seriesOf(metrics: readonly Metric[]): ISeries[] {
  const attempt = metrics.reduce((most, each) => Math.max(most, each.attempt ?? 0), 0);
  const rank = metrics.reduce((least, each) => Math.min(least, each.rank ?? 0), Infinity);
  const found = new Map<string, Map<number, number>>();
  let count = 0;
  for (const metric of metrics) {
    if ((metric.attempt ?? 0) !== attempt || (metric.rank ?? 0) !== rank) {
      continue;
    }
    const x = metric.step ?? count;
    count += 1;
    for (const [name, value] of Object.entries(metric.values)) {
      const points = found.get(name) ?? new Map<number, number>();
      found.set(name, points.set(x, fromWire(value)));
    }
  }
  return [...found].map(([name, points]) => ({ name, points: inOrder(points) }));
}

/** Several lines over one axis; each has a gap only where its own value cannot be drawn. */
export function columnsOf(lines: readonly (readonly IPoint[])[], above = -Infinity): IColumns {
  const values = lines.map(points => new Map(points.map(point => [point.x, point.value])));
  const x = [...new Set(values.flatMap(map => [...map.keys()]))].sort((a, b) => a - b);
  return { x, lines: values.map(map => x.map(at => plotted(map.get(at), above))) };
}

/** What may lie between two ticks of an axis; between whole steps nothing is counted. */
export function incrementsOf(steps: ArrayLike<number>): number[] {
  return Array.from(steps).every(Number.isInteger)
    ? INCREMENTS.filter(Number.isInteger)
    : INCREMENTS;
}

const INCREMENTS = Array.from({ length: 28 }, (_, n) => n - 12).flatMap(power =>
  [1, 2, 2.5, 5].map(digit => Number(`${digit}e${power}`))
);

/** The points whose value is not a number that can be drawn. */
export function oddOf(points: readonly IPoint[]): IPoint[] {
  return points.filter(point => !Number.isFinite(point.value));
}

/** The memory of each worker over time, gathered while a page is open. */
export interface ITrace {
  readonly rank: number;
  readonly points: readonly IPoint[];
}

const SAMPLES = 600;

/** Adds what a row says of its workers' memory; the same traces when it says nothing new. */
export function sampled(traces: readonly ITrace[], row: Row, now: number): readonly ITrace[] {
  const started = row.workload.started;
  const known = (row.workload.replicas ?? []).filter(replica => replica.memory);
  if (!started || known.length === 0) {
    return traces;
  }
  const x = Math.max(0, now - started);
  let fresh = false;
  const next = known.map(replica => {
    const before = traces.find(trace => trace.rank === replica.rank)?.points ?? [];
    const last = before[before.length - 1];
    const value = replica.memory ?? 0;
    if (last && (last.value === value || x <= last.x)) {
      return { rank: replica.rank, points: before };
    }
    fresh = true;
    return { rank: replica.rank, points: [...before, { x, value }].slice(-SAMPLES) };
  });
  return fresh ? next : traces;
}

// Undefined joins its neighbours: where only another line has a point, this one is not parted.
function plotted(value: number | undefined, above: number): number | null | undefined {
  if (value === undefined) {
    return undefined;
  }
  return Number.isFinite(value) && Math.abs(value) < DRAWN && value > above ? value : null;
}

function inOrder(points: Map<number, number>): IPoint[] {
  return [...points].map(([x, value]) => ({ x, value })).sort((a, b) => a.x - b.x);
}
