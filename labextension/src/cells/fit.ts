import { TranslationBundle } from '@jupyterlab/translation';

import { QuotaItem } from '../generated/wire';
import { isCpu, isGpu, isMemory, sharesOf } from '../panels/side/amounts';
import { IPlace } from '../tokens';
import { bytesText, numberText } from '../words';
import { IWish } from './wish';

/** When a job would start: now, when others have ended, or never. */
export interface IFit {
  readonly when: 'now' | 'later' | 'never';
  readonly text: string;
}

const UNITS: Readonly<Record<string, number>> = {
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40
};
const TINY = 1e-6;

/** Null where the quota of the place is not known. */
export function fitOf(wish: IWish, place: IPlace | null, trans: TranslationBundle): IFit | null {
  const items = place?.quota?.items ?? [];
  if (!items.length) {
    return null;
  }
  const workers = Number(wish.workers);
  const cores = (amount: number) => trans.__('%1 CPU', numberText(amount));
  const gpus = (amount: number) => trans.__('%1 GPU', numberText(amount));
  const needs = [
    { each: Number(wish.gpu), of: items.filter(isGpu), said: gpus },
    { each: bytesOf(wish.memory), of: items.filter(isMemory), said: bytesText },
    { each: Number(wish.cpu), of: items.filter(isCpu), said: cores }
  ].map(({ each, of, said }) => ({ need: each * workers, ...roomIn(of), said }));
  const never = needs.find(({ need, limit }) => need > limit + TINY);
  if (never) {
    const { need, limit, said } = never;
    const text = trans.__('Never fits: it needs %1, and there is %2', said(need), said(limit));
    return { when: 'never', text };
  }
  const later = needs.find(({ need, free }) => need > free + TINY);
  if (later) {
    const { need, free, said } = later;
    const text = trans.__('Waits in line: it needs %1, and %2 is free', said(need), said(free));
    return { when: 'later', text };
  }
  return { when: 'now', text: trans.__('Fits now') };
}

/** A limit that is not known forbids nothing. */
function roomIn(items: readonly QuotaItem[]): { limit: number; free: number } {
  if (items.some(({ limit }) => typeof limit !== 'number')) {
    return { limit: Infinity, free: Infinity };
  }
  return {
    limit: items.reduce((sum, item) => sum + (item.limit ?? 0), 0),
    free: items.reduce((sum, item) => sum + sharesOf(item).free, 0)
  };
}

function bytesOf(memory: string): number {
  const [, amount = '0', unit = 'Gi'] = /^([\d.]+)\s*([KMGT]i)?$/.exec(memory.trim()) ?? [];
  return Number(amount) * (UNITS[unit] ?? 0);
}
