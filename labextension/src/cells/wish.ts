import { TranslationBundle } from '@jupyterlab/translation';

import { IFunction, isWhole, pythonString } from './python';

/** What the form asks, as it was typed; '' is left out of the call. */
export interface IWish {
  readonly workers: string;
  readonly cpu: string;
  readonly memory: string;
  readonly gpu: string;
  /** By parameter, as Python. */
  readonly args: Readonly<Record<string, string>>;
}

/** The form before anything is typed: one worker, and the function's own defaults. */
export function emptyWish(fn: IFunction): IWish {
  const args = Object.fromEntries(fn.parameters.map(({ name, value }) => [name, value ?? '']));
  return { workers: '1', cpu: '', memory: '', gpu: '', args };
}

/** The line that the form stands for; only what is not the default is in it. */
export function trainCall(fn: IFunction, wish: IWish): string {
  const changed = fn.parameters
    .filter(({ name, value }) => wish.args[name]?.trim() && wish.args[name] !== value)
    .map(({ name }) => `${pythonString(name)}: ${wish.args[name]!.trim()}`);
  const options = [
    wish.workers.trim() === '1' ? '' : `workers=${wish.workers.trim()}`,
    given('cpu', wish.cpu),
    wish.memory.trim() ? `memory=${pythonString(memory(wish.memory))}` : '',
    given('gpu', wish.gpu),
    changed.length ? `args={${changed.join(', ')}}` : ''
  ];
  return `job = cnai.train(${[fn.name, ...options.filter(Boolean)].join(', ')})`;
}

function given(name: string, value: string): string {
  return value.trim() ? `${name}=${value.trim()}` : '';
}

/** A bare number is GiB, which is what a person means here. */
function memory(value: string): string {
  return /^\d+(\.\d+)?$/.test(value.trim()) ? `${value.trim()}Gi` : value.trim();
}

/** What keeps the form from being sent; by field, in the order of the form. */
export function problems(
  fn: IFunction,
  wish: IWish,
  trans: TranslationBundle
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  if (!/^[1-9]\d{0,2}$/.test(wish.workers.trim())) {
    found.set('workers', trans.__('Workers is a whole number from 1.'));
  }
  if (wish.cpu.trim() && !(positive(wish.cpu) > 0)) {
    found.set('cpu', trans.__('CPU is a number above 0, such as 2 or 0.5.'));
  }
  if (wish.memory.trim() && !/^\d+(\.\d+)?([KMGT]i)?$/.test(wish.memory.trim())) {
    found.set('memory', trans.__('Memory is an amount such as 8Gi.'));
  }
  const gpus = positive(wish.gpu);
  if (wish.gpu.trim() && !(gpus > 0 && (gpus < 1 || Number.isInteger(gpus)))) {
    found.set('gpu', trans.__('GPU is a whole number, or a share such as 0.5.'));
  }
  if (gpus < 1 && Number(wish.workers) > 1) {
    found.set('gpu', trans.__('Several workers cannot share one GPU.'));
  }
  for (const { name, value } of fn.parameters) {
    const typed = wish.args[name] ?? '';
    if (typed.trim() ? !isWhole(typed) : value === null) {
      found.set(name, trans.__('%1 is a Python value, such as 0.1 or "adam".', name));
    }
  }
  return found;
}

function positive(value: string): number {
  return /^\d*\.?\d+$/.test(value.trim()) ? Number(value) : NaN;
}
