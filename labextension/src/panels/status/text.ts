import { TranslationBundle } from '@jupyterlab/translation';

import { IStore } from '../../tokens';
import { hasEnded, numberText } from '../../words';
import { isGpu, labelOf, sharesOf } from '../side/amounts';
import { servingPlace } from '../side/places';

/** Of GPUs; a bar is one line, and the panel has them all. */
const KINDS = 2;

/** '2 running, 1 queued · 1 of 4 H200 free'; '' when nothing runs or waits. */
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

/** Whole ones, turns and slices are not the same thing: each kind is said by its own name. */
function gpus(store: IStore, trans: TranslationBundle): string {
  const items = (servingPlace(store)?.quota?.items ?? []).filter(
    item => isGpu(item) && (item.limit ?? 0) > 0
  );
  const kinds = items.slice(0, KINDS).map(item => {
    const [free, all] = [numberText(sharesOf(item).free), numberText(item.limit ?? 0)];
    return trans.__('%1 of %2 %3 free', free, all, labelOf(item, trans));
  });
  const more = items.length - kinds.length;
  return (more > 0 ? [...kinds, trans._n('%1 more kind', '%1 more kinds', more)] : kinds).join(
    ', '
  );
}
