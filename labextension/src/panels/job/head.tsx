import * as React from 'react';

import { oneLine } from '../../foreign';
import { Progress, Row, Workload } from '../../generated/wire';
import { PhaseMark } from '../../parts/marks';
import { said, saidTogether } from '../../sentences';
import {
  clockText,
  dateText,
  durationText,
  fraction,
  hasEnded,
  kindName,
  phaseName,
  progressText,
  resourcesText,
  shownName,
  stateText
} from '../../words';
import { placeText } from '../side/places';
import { IPart, IServices } from './services';

type IHead = IPart & { readonly row: Row };

/** Phase, name and time; what it asked for and where it came from; how far it is. */
export function Head({ model, services, row }: IHead): JSX.Element {
  const { trans } = services;
  const { workload } = row;
  return (
    <>
      <div className="cnai-JobHead">
        <PhaseMark row={row} size={20} trans={trans} />
        <h2>
          <span>{phaseName(workload.phase, trans)}</span>
          <bdi className="cnai-Job-cut" title={oneLine(workload.name)}>
            {shownName(workload)}
          </bdi>
        </h2>
        <Time {...{ services, workload }} />
        <span className="cnai-JobHead-about">
          {aboutText(model.key.source, workload, services)}
        </span>
        {saysMore(row) && (
          <span className="cnai-JobHead-about">{stateText(row, services.store.now(), trans)}</span>
        )}
      </div>
      {workload.progress && !hasEnded(workload.phase) && (
        <ProgressLine {...{ services, progress: workload.progress }} />
      )}
      {(workload.notices ?? []).map((notice, n) => (
        <p className="cnai-JobHead-notice" key={n}>
          {said(notice, trans)}
        </p>
      ))}
    </>
  );
}

/** What was answered to the last action, where it was asked. */
export function NoticeLine({ model, services }: IPart): JSX.Element | null {
  const { notice } = model;
  const { trans } = services;
  if (!notice) {
    return null;
  }
  return (
    <div className="cnai-JobNotice" role={notice.kind === 'refused' ? 'alert' : 'status'}>
      {notice.kind === 'refused' ? (
        <span>
          <strong>{said(notice.problem.what, trans)}</strong>{' '}
          {saidTogether([notice.problem.why, notice.problem.next_step], trans)}
        </span>
      ) : (
        <>
          <span>{trans.__('It runs again as %1.', shownName(notice.workload))}</span>
          <button
            className="cnai-Job-link"
            onClick={() => services.open({ source: model.key.source, id: notice.workload.id })}
          >
            {trans.__('Open its page')}
          </button>
        </>
      )}
      <span className="cnai-Job-space" />
      <button className="cnai-Job-button" onClick={() => model.dismiss()}>
        {trans.__('Dismiss')}
      </button>
    </div>
  );
}

/** How long it ran, and from when to when; counted on while it runs. */
function Time({ services, workload }: { services: IServices; workload: Workload }): JSX.Element {
  const { store, trans } = services;
  const from = workload.started || workload.created || 0;
  const ended = hasEnded(workload.phase);
  useSeconds(!ended && from > 0 && store.connection === 'live');
  if (!from) {
    return <span className="cnai-JobHead-time" />;
  }
  const until = ended ? workload.ended || from : store.now();
  const lasted = durationText(ended ? until - from : Math.floor(until - from), trans);
  const ran = !ended
    ? lasted
    : workload.started
      ? trans.__('ran %1 · %2 to %3', lasted, clockText(from), clockText(until))
      : trans.__('never started · %1', clockText(until));
  return (
    <time className="cnai-JobHead-time" title={dateText(from, trans)}>
      {ran}
    </time>
  );
}

function useSeconds(ticking: boolean): void {
  const [, tick] = React.useReducer((seconds: number) => seconds + 1, 0);
  React.useEffect(() => {
    if (!ticking) {
      return;
    }
    const timer = setInterval(tick, 1000);
    return () => clearInterval(timer);
  }, [ticking]);
}

function ProgressLine(props: { services: IServices; progress: Progress }): JSX.Element {
  const { services, progress } = props;
  const { trans } = services;
  const part = fraction(progress);
  const words = progressText(progress, trans);
  return (
    <div className="cnai-JobProgress">
      <span>{words}</span>
      <div
        className="cnai-JobProgress-bar"
        role="progressbar"
        aria-label={words}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={part === null ? undefined : Math.round(part * 100)}
      >
        {part !== null && <i style={{ width: `${part * 100}%` }} />}
      </div>
      <span className="cnai-Job-meta">
        {part === null ? '' : leftText(progress, part, services)}
      </span>
    </div>
  );
}

/** '40% · about 2 min left'; an estimate only once a twentieth is done. */
function leftText(progress: Progress, part: number, { store, trans }: IServices): string {
  const done = trans.__('%1%', Math.round(part * 100));
  const spent = store.now() - (progress.since || Infinity);
  const made = progress.done - (progress.begun ?? 0);
  if (part < 0.05 || part >= 1 || !(spent > 1) || !(made > 0)) {
    return done;
  }
  const left = (spent * ((progress.total ?? 0) - progress.done)) / made;
  const rounded = left < 60 ? Math.ceil(left / 10) * 10 : Math.ceil(left / 60) * 60;
  return trans.__('%1 · about %2 left', done, durationText(rounded, trans));
}

/** Kind, resources, place and notebook, each only where it is known. */
function aboutText(source: string, workload: Workload, { store, trans }: IServices): string {
  const { notebook, cell } = workload.origin ?? {};
  const where = store.place(source)?.source;
  const place = where ? placeText(where, trans) : (workload.place ?? '');
  const from = !notebook
    ? ''
    : cell
      ? trans.__('from %1, %2', oneLine(notebook), oneLine(cell))
      : trans.__('from %1', oneLine(notebook));
  const kind = kindName(workload.kind, trans);
  const parts = [capital(kind), resourcesText(workload, trans), oneLine(place), from];
  const readOnly = workload.managed === false ? trans.__('read-only') : '';
  return [...parts, readOnly].filter(Boolean).join(' · ');
}

/** A phase that has more to say than its word and the verdict. */
function saysMore({ workload }: Row): boolean {
  return ['Queued', 'Starting', 'Stopped', 'Ready'].includes(workload.phase);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
