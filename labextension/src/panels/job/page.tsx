import { ReactWidget } from '@jupyterlab/ui-components';
import { PanelLayout } from '@lumino/widgets';
import * as React from 'react';

import { Paused } from '../../parts/paused';
import { said, saidTogether } from '../../sentences';
import { clockText, shownName } from '../../words';
import { Details } from './details';
import { Head, NoticeLine } from './head';
import { Logs } from './logs';
import { Metrics } from './metrics';
import { JobModel } from './model';
import { ScriptView } from './script';
import { IPart, IServices, useSignal } from './services';
import { addTools } from './toolbar';
import { Verdict } from './verdict';
import { IPlaceOnPage, JobTab } from './widget';
import { kindIcons } from '../../icons';

/** Put the page of its job into a tab. */
export function fill(tab: JobTab, services: IServices): void {
  const model = new JobModel(services.store, tab.key, services.logLines);
  tab.disposed.connect(() => model.dispose());
  const close = (): void => tab.close();
  const body = ReactWidget.create(<JobPage {...{ model, services, close }} />);
  body.addClass('cnai-JobBody');
  const layout = new PanelLayout();
  layout.addWidget(body);
  tab.content.layout = layout;
  addTools(tab.toolbar, { model, services });
  tab.showPlace = (place: IPlaceOnPage) => {
    if (place.line) {
      model.show({ line: place.line, rank: place.rank });
    } else if (place.at === 'logs') {
      model.showLogs();
    }
  };
  tab.showPlace(tab.wanted);
  tab.node.addEventListener('keydown', event => {
    if (event.key === 'f' && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      event.stopPropagation();
      model.search();
    }
  });
  let kind = '';
  const entitle = (): void => {
    const workload = model.row?.workload;
    if (workload) {
      tab.title.label = shownName(workload);
      tab.title.caption = workload.name;
      if (kind !== workload.kind) {
        kind = workload.kind;
        // JupyterLab does this to the icons that a tab has as it is added.
        tab.title.icon = kindIcons.get(kind)?.bindprops({ stylesheet: 'mainAreaTab' });
      }
    }
  };
  model.changed.connect(entitle);
  entitle();
}

/** All of one job: what happened, what was measured, what was printed, and the rest. */
export function JobPage({ model, services, close }: IPart & { close: () => void }): JSX.Element {
  useSignal(model.changed);
  const { trans } = services;
  const { row, job, gone } = model;
  if (gone) {
    return <Gone {...{ model, services, close }} />;
  }
  if (!row) {
    return <Loading {...{ model, services }} />;
  }
  return (
    <div className="cnai-JobPage" role="region" aria-label={trans.__('Job page')}>
      <Standing {...{ model, services }} />
      <NoticeLine {...{ model, services }} />
      <Head {...{ model, services, row }} />
      {job?.diagnosis && <Verdict {...{ model, services, diagnosis: job.diagnosis }} />}
      {model.scriptShown ? (
        <ScriptView {...{ model, services }} />
      ) : (
        <div className="cnai-JobPage-columns">
          {job && <Metrics {...{ model, services, job, row }} />}
          <Logs {...{ model, services, row, job }} />
          <Details {...{ model, services, job, row }} />
        </div>
      )}
    </div>
  );
}

const PATIENCE = 300;

/** Nothing at first, so that what comes soon does not flicker. */
function Loading({ services }: IPart): JSX.Element {
  const [late, setLate] = React.useState(false);
  React.useEffect(() => {
    const timer = setTimeout(() => setLate(true), PATIENCE);
    return () => clearTimeout(timer);
  }, []);
  return (
    <p className="cnai-JobNothing" role="status">
      {late && services.trans.__('Loading the job')}
    </p>
  );
}

function Gone({ model, services, close }: IPart & { close: () => void }): JSX.Element {
  const { trans } = services;
  const gone = model.gone;
  return (
    <div className="cnai-JobNothing" role="status">
      <p className="cnai-Job-strong">
        {gone === 'deleted' || !gone ? trans.__('This job was deleted.') : said(gone.what, trans)}
      </p>
      {gone && gone !== 'deleted' && <p>{saidTogether([gone.why, gone.next_step], trans)}</p>}
      {gone === 'deleted' && (
        <p>{trans.__('Its log, metrics and outputs were deleted with it.')}</p>
      )}
      <button className="cnai-Job-button cnai-mod-main" onClick={close}>
        {trans.__('Close this page')}
      </button>
    </div>
  );
}

/** Says that nothing is heard from the server, and as of when the page is. */
function Standing({ model, services }: IPart): JSX.Element | null {
  const { store, trans } = services;
  if (model.reachable) {
    return <Paused store={store} trans={trans} />;
  }
  return (
    <div className="cnai-JobStanding" role={store.connection === 'gone' ? 'alert' : 'status'}>
      <span>
        {store.connection === 'gone'
          ? (store.problem?.what ?? trans.__('The server does not answer'))
          : trans.__('Reconnecting')}
        {store.asOf > 0 && ` · ${trans.__('as of %1', clockText(store.asOf))}`}
      </span>
      <button className="cnai-Job-button" onClick={() => store.retry()}>
        {trans.__('Retry')}
      </button>
    </div>
  );
}
