import { TranslationBundle } from '@jupyterlab/translation';

import { oneLine } from './foreign';
import { Phase, Progress, Row, Workload } from './generated/wire';
import { localeOf, said } from './sentences';

/** A number as it crosses the wire: JSON has no NaN. */
export type WireNumber = number | 'NaN' | 'Infinity' | '-Infinity';

const SPACE = '\u00a0';
const UNKNOWN = '–';
/** Digits after which no number that is shown has any other than 0. */
const EXACTLY = 60;
// prettier-ignore
const MATTERS = [
  'acc', 'f1', 'auc', 'reward', 'bleu', 'iou', 'map', 'r2', 'perplexity', 'loss', 'error'
];
const ENDED = ['Succeeded', 'Failed', 'Stopped'];

/** Whether the phase will not change any more. */
export function hasEnded(phase: Phase): boolean {
  return ENDED.includes(phase);
}

export function fromWire(value: WireNumber): number {
  return Number(value);
}

/** The name for a person; the label is in the title. */
export function shownName(workload: Workload): string {
  return oneLine(workload.display_name || workload.name);
}

/** The word of a phase; of one that this page does not know, 'Unknown'. */
export function phaseName(phase: Phase, trans: TranslationBundle): string {
  switch (phase) {
    case 'Queued':
      return trans.__('Queued');
    case 'Starting':
      return trans.__('Starting');
    case 'Running':
      return trans.__('Running');
    case 'Ready':
      return trans.__('Ready');
    case 'Succeeded':
      return trans.__('Succeeded');
    case 'Failed':
      return trans.__('Failed');
    case 'Stopped':
      return trans.__('Stopped');
    default:
      return trans.__('Unknown');
  }
}

export function kindName(kind: string, trans: TranslationBundle): string {
  switch (kind) {
    case 'train':
      return trans.__('training');
    case 'tune':
      return trans.__('tuning');
    case 'serve':
      return trans.__('endpoint');
    case 'pipeline':
      return trans.__('pipeline');
    default:
      return oneLine(kind);
  }
}

/**
 * The phase and the fact that matters: 'Running 40% · 0.912 accuracy'.
 *
 * @param now - Unix seconds; durations are counted to it
 */
export function stateText(row: Row, now: number, trans: TranslationBundle): string {
  const { workload } = row;
  switch (workload.phase) {
    case 'Failed':
      return failedText(row, trans);
    case 'Queued':
      return queuedText(workload, trans);
    case 'Running':
      return joined(runningText(workload, trans), metricOf(workload));
    case 'Succeeded':
      return joined(succeededText(workload, now, trans), metricOf(workload));
    case 'Stopped':
      return joined(stoppedText(workload, trans), progressOr(workload, trans));
    case 'Starting':
      return joined(trans.__('Starting'), said(workload.message, trans));
    case 'Ready':
      return joined(trans.__('Ready'), said(workload.message, trans), metricOf(workload));
    default:
      return joined(
        trans.__('Unknown (%1)', oneLine(workload.phase)),
        said(workload.message, trans),
        metricOf(workload)
      );
  }
}

function joined(...parts: string[]): string {
  return parts.filter(Boolean).join(' · ');
}

function failedText(row: Row, trans: TranslationBundle): string {
  const cause = row.short ? said(row.short, trans) : causeOf(row.workload, trans);
  return cause ? trans.__('Failed: %1', cause) : trans.__('Failed');
}

function causeOf(workload: Workload, trans: TranslationBundle): string {
  const message = oneLine(workload.message ?? '');
  const worker = /worker (\d+)/i.exec(message)?.[1];
  if (workload.reason === 'MemoryExceeded') {
    return memoryText(worker, workload.resources?.memory, trans);
  }
  if (workload.reason === 'MachineOutOfMemory') {
    return worker
      ? trans.__('the machine ran out of memory in worker %1', worker)
      : trans.__('the machine ran out of memory');
  }
  if (workload.reason === 'Timeout' && workload.timeout) {
    return trans.__('not done within %1', durationText(workload.timeout, trans));
  }
  if (message) {
    return inside(said(message, trans));
  }
  return oneLine(workload.reason ?? '')
    .replace(/([a-z])(?=[A-Z])/g, '$1 ')
    .toLowerCase();
}

/** A sentence as it stands after a colon. */
function inside(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}

function memoryText(
  worker: string | undefined,
  limit: number | null | undefined,
  trans: TranslationBundle
): string {
  if (!limit) {
    return worker ? trans.__('out of memory in worker %1', worker) : trans.__('out of memory');
  }
  return worker
    ? trans.__('out of memory in worker %1 (%2)', worker, bytesText(limit))
    : trans.__('out of memory (%1)', bytesText(limit));
}

function queuedText(workload: Workload, trans: TranslationBundle): string {
  if (workload.suspended) {
    return trans.__('Queued, paused');
  }
  if (!workload.queued) {
    const why = said(workload.message, trans);
    return workload.reason && why ? trans.__('Queued: %1', inside(why)) : trans.__('Queued');
  }
  return trans.__('Queued, %1 in line', ordinal(workload.queued.position, trans));
}

function ordinal(place: number, trans: TranslationBundle): string {
  const tens = place % 100;
  if (tens >= 11 && tens <= 13) {
    return trans.__('%1th', place);
  }
  switch (place % 10) {
    case 1:
      return trans.__('%1st', place);
    case 2:
      return trans.__('%1nd', place);
    case 3:
      return trans.__('%1rd', place);
    default:
      return trans.__('%1th', place);
  }
}

function runningText(workload: Workload, trans: TranslationBundle): string {
  const { progress } = workload;
  if (!progress) {
    return trans.__('Running');
  }
  const part = fraction(progress);
  if (part === null) {
    return trans.__('Running, %1', progressText(progress, trans));
  }
  return trans.__('Running %1%', rounded(100 * part));
}

function succeededText(workload: Workload, now: number, trans: TranslationBundle): string {
  const since = workload.started || workload.created;
  if (!since) {
    return trans.__('Succeeded');
  }
  const lasted = Math.max((workload.ended || now) - since, 0);
  return trans.__('Succeeded in %1', durationText(lasted, trans));
}

function stoppedText(workload: Workload, trans: TranslationBundle): string {
  return said(workload.message, trans) || trans.__('Stopped');
}

function progressOr(workload: Workload, trans: TranslationBundle): string {
  return workload.progress ? progressText(workload.progress, trans) : metricOf(workload);
}

/** How far it is, between 0 and 1; null when the length is unknown. */
export function fraction(progress: Progress | null | undefined): number | null {
  return progress?.total ? Math.min(Math.max(progress.done / progress.total, 0), 1) : null;
}

/** 'epoch 12 of 30' */
export function progressText(progress: Progress, trans: TranslationBundle): string {
  const unit = oneLine(progress.unit ?? '').slice(0, 20);
  const done = numberText(progress.done);
  const { total = null } = progress;
  const soFar = total === null ? done : trans.__('%1 of %2', done, numberText(total));
  return unit ? `${unit} ${soFar}` : soFar;
}

/** The metric that a row shows, of those there are; '' without one. */
export function nameThatMatters(names: readonly string[]): string {
  for (const word of MATTERS) {
    const found = names.find(name => name.toLowerCase().includes(word));
    if (found !== undefined) {
      return found;
    }
  }
  return names[0] ?? '';
}

function metricOf(workload: Workload): string {
  const metrics = workload.metrics ?? {};
  const name = nameThatMatters(Object.keys(metrics));
  return name ? `${metricText(metrics[name]!)} ${oneLine(name).slice(0, 24)}` : '';
}

export function metricText(value: WireNumber): string {
  return numberText(fromWire(value));
}

/** At most three significant digits, whole numbers whole: '0.912', '8', '1,204'. */
export function numberText(value: number): string {
  if (!Number.isFinite(value)) {
    return String(value);
  }
  return Math.abs(value) >= 100 ? rounded(value).toLocaleString('en-US') : threeDigits(value);
}

function threeDigits(value: number): string {
  if (value === 0) {
    return '0';
  }
  const [digits, power] = value.toExponential(2).split('e') as [string, string];
  const [exact] = value.toExponential(EXACTLY).split('e') as [string];
  const kept = evenly(exact, digits);
  if (Number(power) >= -4) {
    return String(Number(`${kept}e${power}`));
  }
  return `${Number(kept)}e-${power.slice(1).padStart(2, '0')}`;
}

function rounded(value: number, decimals = 0): number {
  return Number(evenly(value.toFixed(EXACTLY), value.toFixed(decimals)));
}

/** Of two equally near, the even one, as the terminal says it; JavaScript takes the larger. */
function evenly(exact: string, taken: string): string {
  const decimals = (taken.split('.')[1] ?? '').length;
  const kept = exact.slice(0, exact.indexOf('.') + 1 + decimals);
  const halfway = /^50*$/.test(exact.slice(kept.length));
  return halfway && /[02468]\.?$/.test(kept) ? kept : taken;
}

/** Binary units and three significant digits: '1.2 GiB'. */
export function bytesText(amount: number): string {
  let size = amount;
  let unit = 'B';
  for (unit of ['B', 'KiB', 'MiB', 'GiB', 'TiB']) {
    if (Math.abs(size) < 1024 || unit === 'TiB') {
      break;
    }
    size /= 1024;
  }
  return `${numberText(size)}${SPACE}${unit}`;
}

/** Used of limit, with one unit where both have the same: '3.2 of 8 GiB'. */
export function bytesOfText(used: number, limit: number, trans: TranslationBundle): string {
  const [shown, whole] = [bytesText(used), bytesText(limit)];
  const same = shown.split(SPACE)[1] === whole.split(SPACE)[1];
  return trans.__('%1 of %2', same ? shown.split(SPACE)[0] : shown, whole);
}

/** A number and its unit are never parted by a line's end. */
function tight(text: string): string {
  return text.replace(/ /g, SPACE);
}

/** One unit: '8 s', '2 m', '3 d'. */
export function ageText(seconds: number, trans: TranslationBundle): string {
  const age = Math.max(Math.floor(seconds), 0);
  if (age < 60) {
    return tight(trans.__('%1 s', age));
  }
  if (age < 3600) {
    return tight(trans.__('%1 m', Math.floor(age / 60)));
  }
  if (age < 86400) {
    return tight(trans.__('%1 h', Math.floor(age / 3600)));
  }
  return tight(trans.__('%1 d', Math.floor(age / 86400)));
}

/** At most two units: '3 m 12 s', '0.4 s'. */
export function durationText(seconds: number, trans: TranslationBundle): string {
  if (seconds < 10) {
    return tight(trans.__('%1 s', String(rounded(Math.max(seconds, 0), 1))));
  }
  let rest = rounded(seconds);
  const counts = [86400, 3600, 60, 1].map(size => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count;
  });
  const said = [
    (n: number) => tight(trans.__('%1 d', n)),
    (n: number) => tight(trans.__('%1 h', n)),
    (n: number) => tight(trans.__('%1 m', n)),
    (n: number) => tight(trans.__('%1 s', n))
  ];
  const first = counts.findIndex(count => count > 0);
  const second = counts[first + 1];
  const parts = [said[first]!(counts[first]!)];
  return second ? [...parts, said[first + 1]!(second)].join(' ') : parts[0]!;
}

/** '14:03:22', by the page's own clock and zone. */
export function clockText(unixSeconds: number): string {
  return new Date(unixSeconds * 1000).toLocaleTimeString('en-GB');
}

/** '14:03' */
export function minuteText(unixSeconds: number): string {
  return clockText(unixSeconds).slice(0, 5);
}

/** The full date and zone, for titles. */
export function dateText(unixSeconds: number, trans: TranslationBundle): string {
  return new Date(unixSeconds * 1000).toLocaleString(localeOf(trans), {
    dateStyle: 'full',
    timeStyle: 'long'
  });
}

/** How many workers, and what each asked for: '2 workers × 2 CPU'; '' when there is none. */
export function resourcesText(workload: Workload, trans: TranslationBundle): string {
  const count = workload.replicas?.length ?? 0;
  if (!count) {
    return '';
  }
  const { granted, resources } = workload;
  const cpu = resources?.cpu || granted?.cpu;
  const each = cpu ? [tight(trans.__('%1 CPU', numberText(cpu)))] : [];
  const gpu = gpuEach(workload, gpusEach(workload), trans);
  return [trans._n('%1 worker', '%1 workers', count), ...each, ...gpu].join(' × ');
}

/** What all workers together asked of GPUs: '0.25 GPU', '10 GiB of a GPU'; '' for nothing. */
export function gpuText(workload: Workload, trans: TranslationBundle): string {
  return gpuEach(workload, gpusOf(workload), trans).join('');
}

function gpuEach(workload: Workload, gpus: number, trans: TranslationBundle): string[] {
  const { gpu, gpu_memory } = workload.resources ?? {};
  if (gpu_memory && !gpu) {
    return [trans.__('%1 of a GPU', bytesText(gpu_memory))];
  }
  return gpus ? [tight(trans.__('%1 GPU', numberText(gpus)))] : [];
}

/** GPUs of the whole workload, over all its workers, as they were asked for. */
export function gpusOf(workload: Workload): number {
  return gpusEach(workload) * Math.max(workload.replicas?.length ?? 0, 1);
}

/** What was granted may be a little less, as slices and fractions go; the page says how much. */
function gpusEach({ resources, granted }: Workload): number {
  return resources?.gpu || granted?.gpu || 0;
}

/** What is shown where nothing is known. */
export function orUnknown(text: string | null | undefined): string {
  return text || UNKNOWN;
}
