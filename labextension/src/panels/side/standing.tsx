import { Dialog, showDialog } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import React, { useId, useState } from 'react';

import { Problem, Source } from '../../generated/wire';
import { PhaseMark } from '../../parts/marks';
import { Paused } from '../../parts/paused';
import { said } from '../../sentences';
import { IPlace, IStore } from '../../tokens';
import { minuteText } from '../../words';
import { isThisMachine, placeText } from './places';
import { refusalText } from './switcher';

interface IStandingProps {
  readonly store: IStore;
  readonly trans: TranslationBundle;
}

/** How the page stands with the server and the server with its places: nothing while all is well. */
export function Standing({ store, trans }: IStandingProps): JSX.Element | null {
  if (store.connection === 'stale') {
    return <StaleBar store={store} trans={trans} />;
  }
  if (store.connection === 'resting') {
    return <Paused store={store} trans={trans} />;
  }
  if (store.connection === 'gone') {
    const problem = store.problem ?? unreached(trans);
    return (
      <Away problem={problem} trans={trans}>
        <TryAgain store={store} trans={trans} />
      </Away>
    );
  }
  const away = store.places.filter(({ source }) => source.problem);
  return (
    <>
      {away.map(place => (
        <PlaceAway key={place.source.id} place={place} store={store} trans={trans} />
      ))}
    </>
  );
}

function StaleBar({ store, trans }: IStandingProps): JSX.Element {
  return (
    <div className="cnai-Bar">
      <PhaseMark phase="Starting" size={16} trans={trans} />
      <span className="cnai-Bar-text">
        {trans.__('Reconnecting · as of %1', minuteText(store.asOf))}
      </span>
      <button type="button" className="cnai-Button" onClick={() => store.retry()}>
        {trans.__('Retry')}
      </button>
    </div>
  );
}

function unreached(trans: TranslationBundle): Problem {
  return {
    what: trans.__('The Jupyter server does not answer.'),
    why: trans.__('It has stopped, or the network is down. Jobs that run go on.'),
    next_step: trans.__('Start Jupyter again, or look at your connection.')
  };
}

function TryAgain({ store, trans }: IStandingProps): JSX.Element {
  return (
    <button type="button" className="cnai-Button cnai-mod-main" onClick={() => store.retry()}>
      {trans.__('Try again')}
    </button>
  );
}

interface IPlaceAwayProps extends IStandingProps {
  readonly place: IPlace;
}

/** One line; what happened, why and what to do unfold below it, with what can be done here. */
function PlaceAway({ place, store, trans }: IPlaceAwayProps): JSX.Element {
  const { source } = place;
  const [open, setOpen] = useState(false);
  const id = useId();
  const name = placeText(source, trans);
  const line = source.since
    ? trans.__('%1 is not available, since %2', name, minuteText(source.since))
    : trans.__('%1 is not available', name);
  return (
    <div className="cnai-Away cnai-mod-place">
      <p className="cnai-Away-line">
        <span role="alert">{line}</span>
        <span aria-hidden="true"> · </span>
        <button
          type="button"
          className="cnai-Link"
          aria-label={trans.__('Details of %1', name)}
          aria-expanded={open}
          aria-controls={id}
          onClick={() => setOpen(!open)}
        >
          {trans.__('details')}
        </button>
      </p>
      <div id={id} hidden={!open}>
        <Said problem={source.problem as Problem} trans={trans} />
        <PlaceActs {...{ place, store, trans }} />
      </div>
    </div>
  );
}

/** New jobs go elsewhere, or the place leaves the panel: whichever can be done. */
function PlaceActs({ place, store, trans }: IPlaceAwayProps): JSX.Element {
  const { source } = place;
  const [error, setError] = useState('');
  const { serving } = store;
  const serves = serving?.source === source.id;
  const chosen = serving?.choices?.includes(source.id) && !isThisMachine(source);
  const offersLocal = serves && !serving?.fixed && serving?.choices?.includes('local');
  const run = (doing: Promise<unknown>) => {
    setError('');
    doing.catch(reason => setError(refusalText(reason, trans)));
  };
  return (
    <div className="cnai-Acts">
      {offersLocal && !isThisMachine(source) && (
        <button type="button" className="cnai-Button" onClick={() => run(store.choose('local'))}>
          {trans.__('Use this machine')}
        </button>
      )}
      {chosen && !serves && (
        <button
          type="button"
          className="cnai-Button"
          onClick={() => run(forgetPlace(source, store, trans))}
        >
          {trans.__('Forget…')}
        </button>
      )}
      {error && (
        <p role="alert" className="cnai-Refusal">
          {error}
        </p>
      )}
    </div>
  );
}

/** After a question that says what it does not do. */
async function forgetPlace(source: Source, store: IStore, trans: TranslationBundle): Promise<void> {
  const { button } = await showDialog({
    title: trans.__('Forget %1?', placeText(source, trans)),
    body: trans.__(
      'It leaves this panel. Nothing on the cluster is touched: its jobs go on, and nothing is deleted. The next use of it, in a notebook or a terminal, brings it back.'
    ),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Forget') })
    ],
    defaultButton: 0
  });
  if (button.accept) {
    await store.forget(source.id);
  }
}

interface IAwayProps {
  readonly problem: Problem;
  readonly trans: TranslationBundle;
  readonly children: React.ReactNode;
}

function Away({ problem, trans, children }: IAwayProps): JSX.Element {
  return (
    <div className="cnai-Away" role="alert">
      <Said problem={problem} trans={trans} />
      <div className="cnai-Acts">{children}</div>
    </div>
  );
}

function Said({ problem, trans }: Omit<IAwayProps, 'children'>): JSX.Element {
  return (
    <dl>
      <dt>{trans.__('What happened')}</dt>
      <dd className="cnai-Away-what">{said(problem.what, trans)}</dd>
      {problem.why && (
        <>
          <dt>{trans.__('Why')}</dt>
          <dd>{said(problem.why, trans)}</dd>
        </>
      )}
      {problem.next_step && (
        <>
          <dt>{trans.__('What to do')}</dt>
          <dd>{said(problem.next_step, trans)}</dd>
        </>
      )}
    </dl>
  );
}
