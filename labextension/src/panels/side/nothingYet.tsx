import { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { JobActions } from './actions';

const FIRST_JOB = 'import cnai_sdk as cnai\njob = cnai.train(fn, workers=2)';

/** What to type when nothing has run yet. */
export function NothingYet(props: { actions: JobActions; trans: TranslationBundle }): JSX.Element {
  const { actions, trans } = props;
  return (
    <div className="cnai-Say">
      <p className="cnai-Say-title">{trans.__('Nothing has run yet')}</p>
      <p>{trans.__('Call this in a cell, and the job shows here as it runs:')}</p>
      <pre className="cnai-Snip">{FIRST_JOB}</pre>
      <div className="cnai-Acts">
        <button
          type="button"
          className="cnai-Button cnai-mod-main"
          onClick={() => actions.insertExample()}
        >
          {trans.__('Insert as a cell')}
        </button>
        <button type="button" className="cnai-Button" onClick={() => actions.openExample()}>
          {trans.__('Open an example')}
        </button>
      </div>
    </div>
  );
}
