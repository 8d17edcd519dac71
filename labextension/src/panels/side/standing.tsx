import { TranslationBundle } from '@jupyterlab/translation';
import React, { useState } from 'react';

import { Problem } from '../../generated/wire';
import { PhaseMark } from '../../parts/marks';
import { IPlace, IStore } from '../../tokens';
import { clockText } from '../../words';
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

/** '14:03' */
export function minuteText(unixSeconds: number): string {
  return clockText(unixSeconds).slice(0, 5);
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

function PlaceAway({ place, store, trans }: IPlaceAwayProps): JSX.Element | null {
  const { source } = place;
  const [error, setError] = useState('');
  const { serving } = store;
  const offersLocal =
    serving?.source === source.id &&
    !serving.fixed &&
    !isThisMachine(source) &&
    serving.choices?.includes('local');
  const useLocal = () => {
    setError('');
    store.choose('local').catch(reason => setError(refusalText(reason, trans)));
  };
  return (
    <Away
      trans={trans}
      problem={source.problem as Problem}
      since={
        source.since
          ? trans.__('%1, since %2', placeText(source, trans), minuteText(source.since))
          : placeText(source, trans)
      }
    >
      {offersLocal && (
        <button type="button" className="cnai-Button" onClick={useLocal}>
          {trans.__('Use this machine')}
        </button>
      )}
      {error && (
        <p role="alert" className="cnai-Refusal">
          {error}
        </p>
      )}
    </Away>
  );
}

interface IAwayProps {
  readonly problem: Problem;
  readonly since?: string;
  readonly trans: TranslationBundle;
  readonly children: React.ReactNode;
}

function Away({ problem, since, trans, children }: IAwayProps): JSX.Element {
  return (
    <div className="cnai-Away" role="alert">
      <dl>
        <dt>{trans.__('What happened')}</dt>
        <dd className="cnai-Away-what">{problem.what}</dd>
        {problem.why && (
          <>
            <dt>{trans.__('Why')}</dt>
            <dd>{problem.why}</dd>
          </>
        )}
        {problem.next_step && (
          <>
            <dt>{trans.__('What to do')}</dt>
            <dd>{problem.next_step}</dd>
          </>
        )}
      </dl>
      {since && <p className="cnai-Away-since">{since}</p>}
      <div className="cnai-Acts">{children}</div>
    </div>
  );
}
