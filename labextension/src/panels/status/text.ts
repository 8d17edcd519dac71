import { TranslationBundle } from '@jupyterlab/translation';

import { IStore } from '../../tokens';
import { hasEnded, numberText } from '../../words';

/** '2 running, 1 queued · 0.25 of 1 GPU free'; '' when nothing runs or waits. */
export function statusText(store: IStore, trans: TranslationBundle): string {
  const live = store.entries.map(({ row }) => row.workload.phase).filter(p => !hasEnded(p));
  const queued = live.filter(phase => phase === 'Queued').length;
  const running = live.length - queued;
  const jobs = [
    running ? trans._n('%1 running', '%1 running', running) : '',
    queued ? trans._n('%1 queued', '%1 queued', queued) : ''
  ].filter(Boolean);
  return jobs.length
    ? [jobs.join(trans.__(', ')), gpus(store, trans)].filter(Boolean).join(' · ')
    : '';
}

function gpus(store: IStore, trans: TranslationBundle): string {
  const items = store.places
    .flatMap(place => place.quota?.items ?? [])
    .filter(item => /gpu/i.test(item.resource));
  const all = items.reduce((sum, item) => sum + (item.limit ?? 0), 0);
  const used = items.reduce((sum, item) => sum + (item.used ?? 0), 0);
  const free = Math.max(all - used, 0);
  return all ? trans._n('%2 of %1 GPU free', '%2 of %1 GPUs free', all, numberText(free)) : '';
}
