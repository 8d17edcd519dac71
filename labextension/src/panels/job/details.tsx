import * as React from 'react';

import { oneLine } from '../../foreign';
import { Event, Granted, Job, Replica, Row } from '../../generated/wire';
import { PhaseMark } from '../../parts/marks';
import { said } from '../../sentences';
import {
  bytesOfText,
  bytesText,
  clockText,
  dateText,
  numberText,
  orUnknown,
  phaseName
} from '../../words';
import { IPart, IServices } from './services';

type IDetails = IPart & { readonly job: Job | null; readonly row: Row };

/** Events shown before anyone asks for the older ones. */
const RECENT = 7;
const RESULT = 20_000;

/** Workers, what was granted, what happened, what came out. */
export function Details({ model, services, job, row }: IDetails): JSX.Element {
  const { trans } = services;
  const { granted, replicas } = row.workload;
  return (
    <section className="cnai-JobDetails" aria-label={trans.__('Details')}>
      <div>
        {(replicas?.length ?? 0) > 0 && (
          <Part name={trans.__('Workers')}>
            <Workers {...{ services, job, row }} />
          </Part>
        )}
        {granted && (
          <Part name={trans.__('Granted')}>
            <Grant {...{ services, granted }} />
          </Part>
        )}
        {(job?.events?.length ?? 0) > 0 && <Events {...{ services }} job={job!} />}
        {job?.result && (
          <Part name={trans.__('Result')}>
            <pre className="cnai-JobResult" tabIndex={0}>
              {job.result.slice(0, RESULT)}
              {job.result.length > RESULT && '…'}
            </pre>
          </Part>
        )}
        {(job?.outputs?.length ?? 0) > 0 && (
          <Part name={trans.__('Outputs')}>
            <Outputs {...{ model, services }} job={job!} />
          </Part>
        )}
      </div>
    </section>
  );
}

function Part({ name, children }: React.PropsWithChildren<{ name: string }>): JSX.Element {
  return (
    <section className="cnai-JobPart" aria-label={name}>
      <div className="cnai-Job-section">
        <h3>{name}</h3>
      </div>
      <div className="cnai-JobPart-body">{children}</div>
    </section>
  );
}

function Workers(props: { services: IServices; job: Job | null; row: Row }): JSX.Element {
  const { services, job, row } = props;
  const { trans } = services;
  const replicas = row.workload.replicas ?? [];
  const ended = replicas.some(each => known(each.exit_code));
  const cpu = replicas.some(each => known(each.cpu));
  const memory = replicas.some(each => known(each.memory));
  return (
    <table className="cnai-Job-table">
      <thead>
        <tr>
          <th scope="col">{trans.__('Rank')}</th>
          <th scope="col">{trans.__('Phase')}</th>
          {cpu && <Right>{trans.__('CPU')}</Right>}
          {memory && <Right>{trans.__('Memory')}</Right>}
          {ended && <Right>{trans.__('Exit')}</Right>}
        </tr>
      </thead>
      <tbody>
        {replicas.map(each => (
          <tr key={each.rank} title={said(each.message, trans) || undefined}>
            <td>{each.rank}</td>
            <td>
              <span className="cnai-JobWorker">
                <PhaseMark phase={each.phase ?? 'Queued'} size={12} trans={trans} />
                {workerPhase(each, job, services)}
              </span>
            </td>
            {cpu && <td className="cnai-mod-right">{cpuText(each, row, services)}</td>}
            {memory && <td className="cnai-mod-right">{memoryText(each, row, services)}</td>}
            {ended && (
              <td className="cnai-mod-right">
                {orUnknown(known(each.exit_code) ? String(each.exit_code) : '')}
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Right({ children }: React.PropsWithChildren): JSX.Element {
  return (
    <th scope="col" className="cnai-mod-right">
      {children}
    </th>
  );
}

/** 'Failed, first' of the worker at the root of the verdict, where several have failed. */
function workerPhase(replica: Replica, job: Job | null, { trans }: IServices): string {
  const name = phaseName(replica.phase ?? 'Queued', trans);
  const several = (job?.row.workload.replicas?.length ?? 0) > 1;
  const first = several && job?.diagnosis?.rank === replica.rank && replica.phase === 'Failed';
  return first ? trans.__('%1, first', name) : name;
}

function cpuText({ cpu }: Replica, { workload }: Row, { trans }: IServices): string {
  const limit = workload.granted?.cpu ?? workload.resources?.cpu;
  if (!known(cpu)) {
    return orUnknown('');
  }
  return limit ? trans.__('%1 of %2', numberText(cpu), numberText(limit)) : numberText(cpu);
}

function memoryText({ memory }: Replica, { workload }: Row, { trans }: IServices): string {
  const limit = workload.granted?.memory ?? workload.resources?.memory;
  if (!known(memory)) {
    return orUnknown('');
  }
  return limit ? bytesOfText(memory, limit, trans) : bytesText(memory);
}

function known(value: number | null | undefined): value is number {
  return value !== null && value !== undefined;
}

function Grant({ services, granted }: { services: IServices; granted: Granted }): JSX.Element {
  const { trans } = services;
  const got = [
    known(granted.cpu) && trans.__('%1 CPU', numberText(granted.cpu)),
    known(granted.memory) && trans.__('%1 of memory', bytesText(granted.memory)),
    granted.gpu && trans.__('%1 GPU', numberText(granted.gpu)),
    granted.gpu_memory && trans.__('%1 of GPU memory', bytesText(granted.gpu_memory))
  ].filter(Boolean);
  return (
    <dl className="cnai-JobPairs">
      {granted.asked && (
        <>
          <dt>{trans.__('Asked')}</dt>
          <dd>{said(granted.asked, trans)}</dd>
        </>
      )}
      <dt>{trans.__('Granted')}</dt>
      <dd>{got.length ? got.join(' · ') : trans.__('no limit')}</dd>
      {(granted.how?.length ?? 0) > 0 && (
        <>
          <dt>{trans.__('How')}</dt>
          <dd>
            {granted.how!.map((sentence, n) => (
              <div key={n}>{said(sentence, trans)}</div>
            ))}
          </dd>
        </>
      )}
      {(granted.devices?.length ?? 0) > 0 && (
        <>
          <dt>{trans.__('Devices')}</dt>
          <dd className="cnai-Job-code">
            {granted.devices!.map((device, n) => (
              <div key={n}>{oneLine(device)}</div>
            ))}
          </dd>
        </>
      )}
      {granted.quota_key && (
        <>
          <dt>{trans.__('Charged to')}</dt>
          <dd className="cnai-Job-code">{oneLine(granted.quota_key)}</dd>
        </>
      )}
    </dl>
  );
}

function Events({ services, job }: { services: IServices; job: Job }): JSX.Element {
  const { trans } = services;
  const [all, setAll] = React.useState(false);
  const newest = [...job.events!].reverse();
  const older = job.older_events ?? 0;
  const shown = all ? newest : newest.slice(0, RECENT);
  return (
    <Part name={trans.__('Events')}>
      <ol className="cnai-JobEvents">
        {shown.map((event, n) => (
          <li key={event.seq ?? n} className={event.warning ? 'cnai-mod-warning' : undefined}>
            <time title={event.time ? dateText(event.time, trans) : undefined}>
              {event.time ? clockText(event.time) : ''}
            </time>
            <span>{eventText(event, services)}</span>
          </li>
        ))}
      </ol>
      {newest.length > shown.length && (
        <button className="cnai-Job-link" onClick={() => setAll(true)}>
          {trans._n('%1 older event', '%1 older events', newest.length - shown.length)}
        </button>
      )}
      {older > 0 && shown.length === newest.length && (
        <p className="cnai-Job-meta">
          {trans._n(
            '%1 older event is not listed here; %2 has all.',
            '%1 older events are not listed here; %2 has all.',
            older,
            'job.events()'
          )}
        </p>
      )}
    </Part>
  );
}

function eventText({ reason, message, rank }: Event, { trans }: IServices): string {
  if (reason === 'Succeeded' || reason === 'Failed') {
    return phaseName(reason, trans); // why was told by the event before it
  }
  const told = said(message || reason, trans);
  if (reason === 'Admitted') {
    return trans.__('Admitted: %1', told);
  }
  const named = /worker/i.test(message || reason);
  return known(rank) && !named ? trans.__('Worker %1: %2', rank, told) : told;
}

function Outputs({ model, services, job }: IPart & { job: Job }): JSX.Element {
  const { store, trans } = services;
  return (
    <ul className="cnai-JobOutputs">
      {job.outputs!.map(file => (
        <li key={file.path}>
          <a
            className="cnai-Job-link"
            href={store.outputUrl(model.key, file.path)}
            download
            title={oneLine(file.path)}
          >
            <bdi>{oneLine(file.path)}</bdi>
          </a>
          <span className="cnai-Job-meta">{bytesText(file.size)}</span>
        </li>
      ))}
      {(job.more_outputs ?? 0) > 0 && (
        <li className="cnai-Job-meta">
          {trans._n(
            '%1 more file is not listed here; %2 has all.',
            '%1 more files are not listed here; %2 has all.',
            job.more_outputs!,
            'job.outputs'
          )}
        </li>
      )}
      {job.folder && <li className="cnai-Job-code">{oneLine(job.folder)}</li>}
    </ul>
  );
}
