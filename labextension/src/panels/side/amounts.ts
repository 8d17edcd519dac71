import { TranslationBundle } from '@jupyterlab/translation';

import { Device, QuotaItem, Row } from '../../generated/wire';
import { said } from '../../sentences';
import { IEntry, IPlace } from '../../tokens';
import { bytesOfText, bytesText, gpusOf, numberText } from '../../words';

/** The parts of a gauge, in the item's unit: you, others, free, in that order. */
export interface IShares {
  readonly mine: number;
  readonly others: number;
  readonly free: number;
}

/** Up to so many units are drawn one cell each. */
const MOST_CELLS = 16;
const TINY = 1e-6;

export function isMemory(item: QuotaItem): boolean {
  return item.unit === 'bytes' || /(^|\.)memory$/.test(item.resource);
}

export function isCpu(item: QuotaItem): boolean {
  return /(^|\.)cpu$/.test(item.resource);
}

export function isGpu(item: QuotaItem): boolean {
  return (
    item.unit === 'GPUs' ||
    (!item.unit &&
      !isMemory(item) &&
      !isCpu(item) &&
      /gpu|mig-/i.test(`${item.resource} ${item.label ?? ''}`))
  );
}

export function sharesOf(item: QuotaItem): IShares {
  const used = (item.used ?? 0) + (item.others ?? 0);
  const mine = Math.min(item.mine ?? 0, used);
  const free = item.limit === null || item.limit === undefined ? 0 : item.limit - used;
  return { mine, others: used - mine, free: Math.max(free, 0) };
}

export function labelOf(item: QuotaItem, trans: TranslationBundle): string {
  if (isCpu(item)) {
    return trans.__('CPU');
  }
  if (isMemory(item)) {
    return /gpu/i.test(item.label ?? '') ? trans.__('GPU memory') : trans.__('Memory');
  }
  const model = (item.label ?? '').replace(/^GPU,?\s*/, '');
  return isGpu(item) && model
    ? trans.__('GPU %1', model)
    : said(item.label, trans) || item.resource;
}

/** '6 of 8', '11 of 16 cores', '3.2 of 8 GiB'. */
export function usedText(item: QuotaItem, trans: TranslationBundle): string {
  const used = (item.used ?? 0) + (item.others ?? 0);
  const { limit } = item;
  if (limit === null || limit === undefined) {
    return trans.__('%1 in use', amountText(item, used, trans));
  }
  if (isMemory(item)) {
    return bytesOfText(used, limit, trans);
  }
  return isCpu(item)
    ? trans._n('%2 of %1 core', '%2 of %1 cores', limit, numberText(used))
    : trans.__('%1 of %2', numberText(used), numberText(limit));
}

/** '2 GPU', '4 cores', '8 GiB'. */
export function amountText(item: QuotaItem, amount: number, trans: TranslationBundle): string {
  if (isMemory(item)) {
    return bytesText(amount);
  }
  if (isCpu(item)) {
    return trans._n('%1 core', '%1 cores', amount, numberText(amount));
  }
  return isGpu(item) ? trans.__('%1 GPU', numberText(amount)) : numberText(amount);
}

/** What a gauge says to those who do not see it. */
export function meterText(item: QuotaItem, trans: TranslationBundle): string {
  const { mine, free } = sharesOf(item);
  const unlimited = item.limit === null || item.limit === undefined;
  const used = usedText(item, trans);
  const yours = amountText(item, mine, trans);
  return unlimited
    ? trans.__('%1, you %2, limit not known', used, yours)
    : trans.__('%1, you %2, free %3', used, yours, amountText(item, free, trans));
}

/** How many cells a gauge has, in groups; null for a bar. */
export function cellsOf(item: QuotaItem, devices: readonly Device[]): number[] | null {
  const { limit } = item;
  const whole = typeof limit === 'number' && Number.isInteger(limit);
  if (!isGpu(item) || !whole || limit < 1 || limit > MOST_CELLS) {
    return null;
  }
  const cards = new Map<string, number>();
  const label = item.label ?? '';
  devices
    .filter(({ parent, profile }) => parent && profile && label.includes(profile))
    .forEach(({ parent = '' }) => cards.set(parent, (cards.get(parent) ?? 0) + 1));
  const slices = [...cards.values()];
  if (slices.reduce((sum, count) => sum + count, 0) === limit) {
    return slices;
  }
  return Array.from({ length: Math.ceil(limit / 4) }, (_, at) => Math.min(4, limit - 4 * at));
}

/** What of cell `at` is mine, others' and free; together 1. */
export function cellShares(shares: IShares, at: number): IShares {
  const until = (edge: number) => Math.min(Math.max(edge - at, 0), 1);
  const mine = until(shares.mine);
  const used = until(shares.mine + shares.others);
  return { mine, others: used - mine, free: 1 - used };
}

/** Which number of an item somebody wants to know more of. */
export type Part = 'holders' | 'waiting';

/** The names of the workloads that hold something of an item now, or that wait for it. */
export function namesBehind(
  place: IPlace | null,
  item: QuotaItem,
  part: Part = 'holders'
): ReadonlySet<string> {
  const now = place?.quota?.items?.find(
    ({ resource, label }) => resource === item.resource && label === item.label
  );
  if (now && part === 'waiting' && !now.waiting?.length) {
    return new Set(waitersOf(now, place!).map(({ row }) => row.workload.name));
  }
  return new Set((now?.[part] ?? []).map(holder => holder.name));
}

/** 'of these 1 borrowed, 2 more to borrow, at most 1 for each worker'; '' when there is nothing. */
export function boundsText(item: QuotaItem, trans: TranslationBundle): string {
  const said = (amount: number) => amountText(item, amount, trans);
  const { borrowed = 0, lendable = 0, least, most } = item;
  const parts = [
    borrowed > 0 ? trans.__('%1 of it borrowed', said(borrowed)) : '',
    lendable > 0 ? trans.__('%1 more can be borrowed', said(lendable)) : '',
    typeof least === 'number' ? trans.__('a worker gets at least %1', said(least)) : '',
    typeof most === 'number' ? trans.__('a worker gets at most %1', said(most)) : ''
  ];
  return parts.filter(Boolean).join(' · ');
}

/** The queued workloads of a place that wait for this item, and how much they need together. */
export function waitingFor(item: QuotaItem, place: IPlace): { count: number; amount: number } {
  const named = item.waiting ?? [];
  if (named.length) {
    return { count: named.length, amount: named.reduce((sum, { amount }) => sum + amount, 0) };
  }
  const waiting = waitersOf(item, place);
  const amount = waiting.reduce((sum, { row }) => sum + needOf(row, item), 0);
  return { count: waiting.length, amount };
}

/** Of a place that does not name those who wait, the jobs of the list that lack this item most. */
function waitersOf(item: QuotaItem, place: IPlace): readonly IEntry[] {
  const items = place.quota?.items ?? [];
  const named = items.some(({ waiting }) => waiting?.length);
  return named
    ? []
    : place.entries.filter(
        ({ row }) => row.workload.phase === 'Queued' && lacking(row, items) === item
      );
}

/** '1 waiting needs 2 GPU'; '' when nothing waits. */
export function waitingText(item: QuotaItem, place: IPlace, trans: TranslationBundle): string {
  const { count, amount } = waitingFor(item, place);
  if (count === 0) {
    return '';
  }
  const need = amountText(item, amount, trans);
  return trans._n('%1 waiting needs %2', '%1 waiting need %2', count, need);
}

function workersOf(replicas: readonly unknown[] | undefined): number {
  return Math.max(replicas?.length ?? 0, 1);
}

function needOf(row: Row, item: QuotaItem): number {
  const { resources = {}, replicas } = row.workload;
  if (isGpu(item)) {
    return gpusOf(row.workload);
  }
  const each = isMemory(item) ? (resources.memory ?? 0) : isCpu(item) ? (resources.cpu ?? 1) : 0;
  return each * workersOf(replicas);
}

/** The item that a queued workload waits for: a GPU before memory before cores. */
function lacking(row: Row, items: readonly QuotaItem[]): QuotaItem | undefined {
  const model = row.workload.resources?.gpu_model;
  const gpus = items.filter(isGpu);
  const needed = [
    ...gpus.filter(item => model && item.label?.includes(model)),
    ...gpus,
    ...items.filter(isMemory),
    ...items.filter(isCpu)
  ].filter(item => needOf(row, item) > 0);
  return needed.find(item => needOf(row, item) > sharesOf(item).free + TINY) ?? needed[0];
}
