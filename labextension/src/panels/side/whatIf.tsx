import { TranslationBundle } from '@jupyterlab/translation';
import React, { useEffect, useId, useState } from 'react';

import { problemOf, problemText } from '../../api';
import { oneLine } from '../../foreign';
import { Fit, Wished } from '../../generated/wire';
import { PhaseMark } from '../../parts/marks';
import { IPlace, IStore } from '../../tokens';
import { durationText } from '../../words';

/** The form asks when nothing was typed for so many milliseconds. */
export const PAUSE = 250;

const MARKS = { now: 'Succeeded', waits: 'Queued', never: 'Failed' } as const;
const BARE = /^\d+(\.\d+)?$/;

interface ITyped {
  readonly count: string;
  readonly workers: string;
  readonly cpu: string;
  readonly memory: string;
  readonly gpu: string;
}

type Answer = { readonly fit: Fit } | { readonly problem: string } | null;

interface IWhatIfProps {
  readonly store: IStore;
  readonly place: IPlace;
  readonly trans: TranslationBundle;
}

/** Would so many jobs of a size start? The place itself answers, again when its quota moves. */
export function WhatIf({ store, place, trans }: IWhatIfProps): JSX.Element {
  const [typed, setTyped] = useState<ITyped>({
    ...{ count: '1', workers: '1', cpu: '', memory: '', gpu: '' }
  });
  const [answer, setAnswer] = useState<Answer>(null);
  const { quota } = place;
  const source = place.source.id;
  useEffect(() => {
    let current = true;
    const put = (next: Answer) => current && setAnswer(next);
    const ask = async () => {
      try {
        put({ fit: await store.fits(source, wishedOf(typed)) });
      } catch (error) {
        put({ problem: problemText(problemOf(error)) });
      }
    };
    const timer = window.setTimeout(() => void ask(), PAUSE);
    return () => {
      current = false;
      window.clearTimeout(timer);
    };
  }, [store, source, typed, quota]);
  const field = (name: keyof ITyped, label: string, hint: string) => (
    <Field
      label={label}
      hint={hint}
      value={typed[name]}
      onChange={value => setTyped({ ...typed, [name]: value })}
    />
  );
  return (
    <section className="cnai-WhatIf" aria-label={trans.__('Would it fit?')}>
      <div className="cnai-WhatIf-grid">
        {field('count', trans.__('Jobs'), '1')}
        {field('workers', trans.__('Workers each'), '1')}
        {field('gpu', trans.__('GPU each'), trans.__('none'))}
        {field('memory', trans.__('Memory each'), trans.__('shared'))}
        {field('cpu', trans.__('CPU each'), trans.__('shared'))}
      </div>
      <p className="cnai-WhatIf-said" role="status">
        {answer && 'fit' in answer && (
          <>
            <span aria-hidden="true">
              <PhaseMark phase={MARKS[answer.fit.answer]} trans={trans} />
            </span>
            {fitText(answer.fit, trans)}
          </>
        )}
        {answer && 'problem' in answer && oneLine(answer.problem)}
      </p>
    </section>
  );
}

/** What the server is asked; what was left out is left out. A bare number of memory is GiB. */
export function wishedOf(typed: ITyped): Wished {
  const wishes: Record<string, unknown> = {};
  for (const name of ['workers', 'cpu', 'gpu'] as const) {
    const value = typed[name].trim();
    if (value) {
      wishes[name] = BARE.test(value) ? Number(value) : value;
    }
  }
  const memory = typed.memory.trim();
  if (memory) {
    wishes.memory = BARE.test(memory) ? `${memory}Gi` : memory;
  }
  return { wishes, count: Number(typed.count.trim() || '1') };
}

/** 'Fits now', '3 of 4 fit now', 'Waits behind 3, about 12 m by the running jobs\u2019 deadlines'. */
export function fitText(fit: Fit, trans: TranslationBundle): string {
  const { answer, count = 1, now = 0, position, seconds } = fit;
  const why = oneLine(fit.why ?? '');
  const and = (said: string) => (why ? trans.__('%1: %2', said, why) : said);
  if (answer === 'never') {
    return trans.__('Never fits: %1', why);
  }
  if (answer === 'now') {
    const said = count === 1 ? trans.__('Fits now') : trans.__('All %1 fit now', String(count));
    return and(said);
  }
  const behind = (position ?? 1) - 1;
  let said = behind
    ? trans.__('Waits behind %1', String(behind))
    : trans.__('Waits, first in line');
  if (now > 0) {
    said = trans.__('%1 of %2 fit now, the others wait', String(now), String(count));
  }
  if (typeof seconds === 'number') {
    const about = durationText(seconds, trans);
    said = trans.__('%1, about %2 by the deadlines of what runs', said, about);
  }
  return and(said);
}

function Field(props: {
  readonly label: string;
  readonly hint: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}): JSX.Element {
  const id = useId();
  return (
    <div className="cnai-TrainForm-field">
      <label htmlFor={id}>{props.label}</label>
      <input
        id={id}
        className="jp-mod-styled"
        value={props.value}
        placeholder={props.hint}
        spellCheck={false}
        autoComplete="off"
        onChange={event => props.onChange(event.target.value)}
      />
    </div>
  );
}
