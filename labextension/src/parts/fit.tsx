import { TranslationBundle } from '@jupyterlab/translation';
import React, { useEffect, useRef, useState } from 'react';

import { problemOf } from '../api';
import { Fit, Problem, Wished } from '../generated/wire';
import { problemText, said, saidTogether } from '../sentences';
import { IPlace, IStore } from '../tokens';
import { durationText } from '../words';
import { PhaseMark } from './marks';
import { Questions } from './questions';

const MARKS = { now: 'Succeeded', waits: 'Queued', never: 'Failed' } as const;
const BARE = /^-?\d+(\.\d+)?$/;

/** Jobs of one size, as a form has them; '' is left out. */
export interface ISize {
  readonly count: string;
  readonly workers: string;
  readonly cpu: string;
  readonly memory: string;
  readonly gpu: string;
}

const NAMES = ['count', 'workers', 'cpu', 'memory', 'gpu'] as const;

type Answer = { readonly fit: Fit } | { readonly problem: Problem } | null;

interface IFitsProps {
  readonly store: IStore;
  readonly place: IPlace;
  readonly size: ISize;
  /** Told which of the fields the place refuses; '' is none. */
  readonly onRefused?: (name: keyof ISize | '') => void;
  readonly trans: TranslationBundle;
}

/** Whether such jobs would start: the place itself answers, and again when its quota moves, or when
 *  it is there again. */
export function Fits({ store, place, size, onRefused, trans }: IFitsProps): JSX.Element {
  const [answer, setAnswer] = useState<Answer>(null);
  const { quota } = place;
  const source = place.source.id;
  const away = Boolean(place.source.problem);
  const wished = JSON.stringify(wishedOf(size));
  const questions = useRef<Questions<Answer>>();
  questions.current ??= new Questions();
  const { current } = questions;
  const about = JSON.stringify([source, wished]);
  useEffect(() => current.about(about), [current, about]);
  useEffect(() => {
    const ask = () => answerOf(store, source, JSON.parse(wished) as Wished);
    current.soon(about, ask, setAnswer);
  }, [store, source, wished, about, quota, away, current]);
  const refused = answer && 'problem' in answer ? fieldOf(answer.problem) : '';
  useEffect(() => onRefused?.(refused), [refused, onRefused]);
  return (
    <>
      {answer && 'fit' in answer && (
        <>
          <span aria-hidden="true">
            <PhaseMark phase={markOf(answer.fit)} trans={trans} />
          </span>
          {fitText(answer.fit, trans)}
        </>
      )}
      {answer && 'problem' in answer && problemText(answer.problem, trans)}
    </>
  );
}

async function answerOf(store: IStore, source: string, wished: Wished): Promise<Answer> {
  try {
    return { fit: await store.fits(source, wished) };
  } catch (error) {
    return { problem: problemOf(error) };
  }
}

/** The field that a refusal begins with: 'gpu=0 cannot be given.' */
function fieldOf({ what }: Problem): keyof ISize | '' {
  return NAMES.find(name => what.startsWith(`${name}=`)) ?? '';
}

function markOf({ answer, unsure }: Fit): string {
  return answer === 'now' && unsure ? 'Unknown' : MARKS[answer];
}

/** What the server is asked; what was left out is left out. A bare number of memory is GiB. */
export function wishedOf(size: ISize): Wished {
  const wishes: Record<string, unknown> = {};
  for (const name of ['workers', 'cpu', 'gpu'] as const) {
    const value = size[name].trim();
    if (value) {
      wishes[name] = BARE.test(value) ? Number(value) : value;
    }
  }
  const memory = size.memory.trim();
  if (memory) {
    wishes.memory = BARE.test(memory) ? `${memory}Gi` : memory;
  }
  const count = size.count.trim() || '1';
  return { wishes, count: BARE.test(count) ? Number(count) : count };
}

/** 'Fits now', '3 of 4 fit now', 'Waits behind 3, about 12 m by the running jobs\u2019 deadlines';
 *  and what else should be known, a sentence each. */
export function fitText(fit: Fit, trans: TranslationBundle): string {
  const answer = answerText(fit, trans);
  const besides = saidTogether(fit.notices ?? [], trans);
  return besides ? trans.__('%1. %2', answer.replace(/[.。]$/, ''), besides) : answer;
}

function answerText(fit: Fit, trans: TranslationBundle): string {
  const { answer, count = 1, now = 0, position, seconds, unsure } = fit;
  const why = said(fit.why, trans);
  const and = (told: string) => (why ? trans.__('%1: %2', told, why) : told);
  if (answer === 'never') {
    return trans.__('Never fits: %1', saidTogether([fit.why, fit.next_step], trans));
  }
  if (answer === 'now') {
    return and(nowText(count, unsure, trans));
  }
  let told = waitsText(position, trans);
  if (now > 0) {
    told = unsure
      ? trans.__('At most %1 of %2 fit now, the others wait', String(now), String(count))
      : trans.__('%1 of %2 fit now, the others wait', String(now), String(count));
  }
  if (typeof seconds === 'number') {
    const about = durationText(rounded(seconds), trans);
    told = trans.__('%1, about %2 by the deadlines of what runs', told, about);
  }
  return and(told);
}

function waitsText(position: Fit['position'], trans: TranslationBundle): string {
  if (typeof position !== 'number') {
    return trans.__('Waits');
  }
  return position > 1
    ? trans.__('Waits behind %1', String(position - 1))
    : trans.__('Waits, first in line');
}

/** As much as is known of what nothing forbids. */
function nowText(count: number, unsure: Fit['unsure'], trans: TranslationBundle): string {
  if (unsure === 'nodes') {
    return trans.__('No visible limit forbids it; whether there is room cannot be seen');
  }
  if (unsure === 'idle') {
    return count === 1
      ? trans.__('Large enough; whether it is idle cannot be seen')
      : trans.__('Large enough for all %1; whether it is idle cannot be seen', String(count));
  }
  return count === 1 ? trans.__('Fits now') : trans.__('All %1 fit now', String(count));
}

/** An estimate to the minute, where it is of minutes. */
function rounded(seconds: number): number {
  return seconds < 90 ? Math.round(seconds) : Math.round(seconds / 60) * 60;
}
