import { TranslationBundle } from '@jupyterlab/translation';
import { closeIcon } from '@jupyterlab/ui-components';
import React from 'react';

import { Deed, DEEDS } from '../../deeds';
import { JobActions } from './actions';
import { ISelection } from './useSelection';

interface IBulkProps {
  readonly selection: ISelection;
  readonly actions: JobActions;
  readonly trans: TranslationBundle;
}

/** What can be done to the selected jobs together. */
export function Bulk({ selection, actions, trans }: IBulkProps): JSX.Element | null {
  const { entries, clear } = selection;
  if (entries.length === 0) {
    return null;
  }
  const { waits } = actions;
  const labels: Record<Deed, string> = {
    stop: trans.__('Stop'),
    suspend: trans.__('Suspend'),
    resume: trans.__('Resume'),
    rerun: trans.__('Run again'),
    delete: trans.__('Delete…')
  };
  const button = (deed: Deed) => {
    const fitting = actions.fitting(deed, entries);
    const label = labels[deed];
    return fitting.length === 0 ? null : (
      <button
        key={deed}
        type="button"
        className="cnai-Button"
        aria-disabled={waits !== ''}
        title={waits || undefined}
        onClick={() => void actions.several(deed, fitting)}
      >
        {fitting.length === entries.length
          ? label
          : trans.__('%1 (%2)', label, String(fitting.length))}
      </button>
    );
  };
  return (
    <div className="cnai-Bulk" role="toolbar" aria-label={trans.__('Selected jobs')}>
      <span className="cnai-Bulk-count">
        {trans._n('%1 selected', '%1 selected', entries.length)}
        <button
          type="button"
          className="cnai-Tool"
          aria-label={trans.__('Select none')}
          title={trans.__('Select none')}
          onClick={clear}
        >
          <closeIcon.react tag="span" width="16px" />
        </button>
      </span>
      <span className="cnai-Bulk-deeds">{DEEDS.map(button)}</span>
    </div>
  );
}
