import { TranslationBundle } from '@jupyterlab/translation';

import { IStore } from '../../tokens';
import { hasEnded, numberText } from '../../words';
import { isGpu, sharesOf } from '../side/amounts';
import { servingPlace } from '../side/places';

/** '2 running, 1 queued · 0.25 of 1 GPU free'; '' when nothing runs or waits. */
export function statusText(store: IStore, trans: TranslationBundle): string {
  const live = store.entries.map(({ row }) => row.workload.phase).filter(p => !hasEnded(p));
  const queued = live.filter(phase => phase === 'Queued').length;
  const jobs = jobsText(live.length - queued, queued, trans);
  return jobs && [jobs, gpus(store, trans)].filter(Boolean).join(' · ');
}

function jobsText(running: number, queued: number, trans: TranslationBundle): string {
  if (running && queued) {
    return trans.__('%1 running, %2 queued', running, queued);
  }
  return running ? trans.__('%1 running', running) : queued ? trans.__('%1 queued', queued) : '';
}

function gpus(store: IStore, trans: TranslationBundle): string {
  const items = (servingPlace(store)?.quota?.items ?? []).filter(isGpu);
  const all = items.reduce((sum, item) => sum + (item.limit ?? 0), 0);
  const free = items.reduce((sum, item) => sum + sharesOf(item).free, 0);
  return all ? trans.__('%1 of %2 GPU free', numberText(free), numberText(all)) : '';
}
