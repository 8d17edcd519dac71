import { TranslationBundle } from '@jupyterlab/translation';
import { closeIcon, HTMLSelect, InputGroup, searchIcon } from '@jupyterlab/ui-components';
import React from 'react';

import { IStore } from '../../tokens';
import { phaseName } from '../../words';
import { PanelModel, usePanel } from './model';
import { PHASES } from './query';

interface IFilterProps {
  readonly store: IStore;
  readonly model: PanelModel;
  readonly inputRef: React.RefObject<HTMLInputElement>;
  readonly trans: TranslationBundle;
}

/** What the list is narrowed to by words and by phase. */
export function Filter({ model, inputRef, trans }: IFilterProps): JSX.Element {
  const { query } = usePanel(model);
  const clear = () => {
    model.narrow({ text: '' });
    inputRef.current?.focus();
  };
  return (
    <div className="cnai-Filter" role="search" aria-label={trans.__('Filter jobs')}>
      <div className="cnai-Filter-text">
        <InputGroup
          inputRef={inputRef}
          type="text"
          spellCheck={false}
          aria-label={trans.__('Filter jobs')}
          placeholder={trans.__('Filter jobs')}
          value={query.text}
          rightIcon={query.text ? undefined : searchIcon}
          onChange={event => model.narrow({ text: event.target.value })}
          onKeyDown={event => {
            if (event.key === 'Escape' && query.text) {
              event.preventDefault();
              event.stopPropagation();
              clear();
            }
          }}
        />
        {query.text && (
          <button
            type="button"
            className="cnai-Filter-clear"
            aria-label={trans.__('Clear the filter')}
            title={trans.__('Clear the filter')}
            onClick={clear}
          >
            <closeIcon.react tag="span" width="16px" />
          </button>
        )}
      </div>
      <HTMLSelect
        className="cnai-Filter-phase"
        aria-label={trans.__('Phase')}
        value={query.phase}
        options={[
          { value: '', label: trans.__('All phases') },
          ...PHASES.map(phase => ({ value: phase, label: phaseName(phase, trans) }))
        ]}
        onChange={event => model.narrow({ phase: event.target.value })}
      />
    </div>
  );
}
