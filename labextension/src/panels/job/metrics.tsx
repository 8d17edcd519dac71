import { closeIcon, HTMLSelect } from '@jupyterlab/ui-components';
import * as React from 'react';

import { oneLine } from '../../foreign';
import { Job, Row } from '../../generated/wire';
import { useStore } from '../../parts/useStore';
import { IEntry, IKey, IOpenJob, keyText } from '../../tokens';
import { bytesText, numberText, shownName, stateText } from '../../words';
import { Chart, ILine } from './chart';
import { Range } from './drawing';
import { ISeries, ITrace, oddOf, seriesOf } from './series';
import { IPart, IServices } from './services';
import { ValueTable } from './values';

type IMetrics = IPart & { readonly job: Job; readonly row: Row };

/** Charts drawn before anyone asks for more. */
const AT_FIRST = 12;

/** One chart a metric, live; zoom and comparison are for all of them at once. */
export function Metrics({ model, services, job, row }: IMetrics): JSX.Element | null {
  const { trans } = services;
  const series = React.useMemo(() => seriesOf(job.metrics ?? []), [job.metrics]);
  const [compared, setCompared] = React.useState<IKey | null>(null);
  const other = useOther(services, compared);
  const [log, setLog] = React.useState(false);
  const [zoom, setZoom] = React.useState<Range | null>(null);
  const [table, setTable] = React.useState(false);
  const [all, setAll] = React.useState(false);
  const { traces } = model;
  const memory = React.useMemo(() => memoryLines(job.diagnosis, traces), [job.diagnosis, traces]);
  const drawn = React.useMemo(() => (all ? series : series.slice(0, AT_FIRST)), [all, series]);
  const lines = React.useMemo(() => drawn.map(each => linesOf(each, other)), [drawn, other]);
  if (series.length === 0 && memory.length === 0) {
    return null;
  }
  const failed = row.workload.phase === 'Failed' ? lastStep(series) : null;
  const unit = oneLine(row.workload.progress?.unit ?? '') || trans.__('step');
  const common = { log, failed, trans, onTable: () => setTable(true) };
  return (
    <section className="cnai-JobMetrics" aria-label={trans.__('Metrics')}>
      <div className="cnai-Job-section">
        <h3>{trans.__('Metrics')}</h3>
        <span className="cnai-Job-space" />
        {zoom && (
          <button className="cnai-Job-tool" onClick={() => setZoom(null)}>
            {trans.__('Reset the zoom')}
          </button>
        )}
        <Compare {...{ model, services, compared, setCompared }} />
        <Toggle pressed={log} onClick={() => setLog(!log)} label={trans.__('Log scale')} />
        <Toggle pressed={table} onClick={() => setTable(!table)} label={trans.__('Table')} />
      </div>
      {table ? (
        <ValueTable {...{ series: drawn, unit, trans, onClose: () => setTable(false) }} />
      ) : (
        <div className="cnai-JobCharts">
          {drawn.map((each, n) => (
            <Chart
              key={each.name}
              name={each.name}
              lines={lines[n]!}
              format={numberText}
              {...{ ...common, unit, zoom, onZoom: setZoom }}
            />
          ))}
          {memory.length > 0 && (
            <Memory lines={memory} limit={limitOf(row)} common={common} services={services} />
          )}
        </div>
      )}
      {series.length > drawn.length && (
        <button className="cnai-Job-link cnai-JobMetrics-more" onClick={() => setAll(true)}>
          {trans._n('Show %1 more', 'Show %1 more', series.length - drawn.length)}
        </button>
      )}
      <Legend {...{ services, unit, compared, failed, odd: drawn.some(hasOdd) }} />
      {(job.dropped ?? 0) > 0 && (
        <p className="cnai-JobMetrics-said">
          {trans._n(
            '%1 older report is left out, evenly',
            '%1 older reports are left out, evenly',
            job.dropped!
          )}
        </p>
      )}
    </section>
  );
}

function Memory(props: {
  lines: ILine[];
  limit: number | null;
  common: Pick<React.ComponentProps<typeof Chart>, 'log' | 'failed' | 'trans' | 'onTable'>;
  services: IServices;
}): JSX.Element {
  const { limit, common } = props;
  const { trans } = common;
  const [zoom, setZoom] = React.useState<Range | null>(null);
  const most = Math.max(limit ?? 0, ...props.lines.flatMap(line => line.points.map(p => p.value)));
  const [unit, size] = most < GIB ? ['MiB', GIB / 1024] : ['GiB', GIB];
  const lines = React.useMemo(() => inUnits(props.lines, size), [props.lines, size]);
  return (
    <Chart
      {...common}
      failed={null}
      name={trans.__('memory, %1', unit)}
      unit={trans.__('second')}
      lines={lines}
      format={numberText}
      limit={limit ? { value: limit / size, label: trans.__('limit %1', bytesText(limit)) } : null}
      {...{ zoom, onZoom: setZoom }}
    />
  );
}

/** Which other job its lines stand beside. */
function Compare(
  props: IPart & { compared: IKey | null; setCompared: (key: IKey | null) => void }
): JSX.Element {
  const { model, services, compared, setCompared } = props;
  const { store, trans } = services;
  useStore(store);
  const all = candidates(store.entries, model.key);
  const others = all.slice(0, OFFERED);
  return (
    <span className="cnai-JobCompare">
      <HTMLSelect
        aria-label={trans.__('Compare with another job')}
        value={compared ? keyText(compared) : ''}
        onChange={event => {
          const chosen = others.find(each => keyText(each) === event.target.value);
          setCompared(chosen ? { source: chosen.source, id: chosen.id } : null);
        }}
      >
        <option value="">{trans.__('Compare…')}</option>
        {others.map(each => (
          <option key={keyText(each)} value={keyText(each)}>
            {`${shownName(each.row.workload)} · ${stateText(each.row, store.now(), trans)}`}
          </option>
        ))}
        {all.length > others.length && (
          <option disabled>
            {trans._n(
              '%1 older job is not listed',
              '%1 older jobs are not listed',
              all.length - others.length
            )}
          </option>
        )}
      </HTMLSelect>
      {compared && (
        <button
          className="cnai-Job-glyph"
          title={trans.__('Stop comparing')}
          aria-label={trans.__('Stop comparing')}
          onClick={() => setCompared(null)}
        >
          <closeIcon.react tag="span" />
        </button>
      )}
    </span>
  );
}

const OFFERED = 200;

function candidates(entries: readonly IEntry[], key: IKey): IEntry[] {
  return entries.filter(
    each =>
      keyText(each) !== keyText(key) && Object.keys(each.row.workload.metrics ?? {}).length > 0
  );
}

/** The compared job's series, kept up to date while it is compared. */
function useOther({ store }: IServices, key: IKey | null): readonly ISeries[] {
  const [series, setSeries] = React.useState<readonly ISeries[]>([]);
  React.useEffect(() => {
    if (!key) {
      setSeries([]);
      return;
    }
    const opened: IOpenJob = store.open(key);
    const learn = (): void => setSeries(seriesOf(opened.job?.metrics ?? []));
    opened.changed.connect(learn);
    learn();
    return () => {
      opened.changed.disconnect(learn);
      opened.dispose();
    };
  }, [store, key]);
  return series;
}

function Legend(props: {
  services: IServices;
  unit: string;
  compared: IKey | null;
  failed: number | null;
  odd: boolean;
}): JSX.Element | null {
  const { services, unit, compared, failed, odd } = props;
  const { store, trans } = services;
  const other = compared && store.find(compared);
  return (
    <div className="cnai-JobLegend">
      <span>{unit}</span>
      {other && (
        <>
          <span className="cnai-mod-own">{trans.__('this job')}</span>
          <bdi className="cnai-mod-other">{shownName(other.row.workload)}</bdi>
        </>
      )}
      {failed !== null && <span className="cnai-mod-failed">{trans.__('failed here')}</span>}
      {odd && <span className="cnai-mod-odd">{trans.__('NaN or infinite')}</span>}
    </div>
  );
}

function Toggle(props: { pressed: boolean; label: string; onClick: () => void }): JSX.Element {
  return (
    <button className="cnai-Job-tool" aria-pressed={props.pressed} onClick={props.onClick}>
      {props.label}
    </button>
  );
}

function linesOf(own: ISeries, other: readonly ISeries[]): ILine[] {
  const theirs = other.find(each => each.name === own.name);
  const lines: ILine[] = [{ look: 'own', points: own.points }];
  return theirs ? [...lines, { look: 'other', points: theirs.points }] : lines;
}

/** Where the verdict is about memory: the worker at the root first, the others quiet. */
function memoryLines(diagnosis: Job['diagnosis'], traces: readonly ITrace[]): ILine[] {
  const seen = traces.filter(trace => trace.points.length > 1);
  if (!diagnosis || !/MEM|OOM/.test(diagnosis.id) || seen.length === 0) {
    return [];
  }
  const root = seen.find(trace => trace.rank === diagnosis.rank) ?? seen[0]!;
  return [root, ...seen.filter(trace => trace !== root)].map((trace, n) => ({
    look: n === 0 ? 'own' : 'quiet',
    points: trace.points
  }));
}

const GIB = 2 ** 30;

function inUnits(lines: readonly ILine[], size: number): ILine[] {
  return lines.map(({ look, points }) => ({
    look,
    points: points.map(({ x, value }) => ({ x, value: value / size }))
  }));
}

function limitOf({ workload }: Row): number | null {
  return workload.granted?.memory ?? workload.resources?.memory ?? null;
}

function lastStep(series: readonly ISeries[]): number | null {
  const steps = series.flatMap(each => each.points.slice(-1).map(point => point.x));
  return steps.length ? Math.max(...steps) : null;
}

function hasOdd(series: ISeries): boolean {
  return oddOf(series.points).length > 0;
}
