import { nullTranslator } from '@jupyterlab/translation';
import { readFileSync } from 'fs';
import { join } from 'path';

import { oneLine } from '../foreign';
import { Row, Workload } from '../generated/wire';
import {
  ageText,
  bytesOfText,
  bytesText,
  clockText,
  durationText,
  fromWire,
  gpusOf,
  gpuText,
  metricText,
  nameThatMatters,
  numberText,
  orUnknown,
  phaseName,
  resourcesText,
  shownName,
  stateText
} from '../words';
import { row, workload } from './fakes';

const trans = nullTranslator.load('cnai_lab');

interface ITable {
  rows: { row: Row; now: number; text: string }[];
  sizes: [Workload, string][];
  numbers: [number, string][];
  durations: [number, string][];
  bytes: [number, string][];
  parts: [number, number, string][];
  foreign: [string, string][];
}

/** Recorded from the Python half by scripts/row_texts.py. */
const terminal = JSON.parse(readFileSync(join(__dirname, 'row-texts.json'), 'utf-8')) as ITable;

describe('what the page says is what the terminal says', () => {
  it.each(terminal.rows)('of a workload: $text', ({ row, now, text }) => {
    expect(stateText(row, now, trans)).toBe(text);
  });

  it.each(terminal.sizes)('of what a workload was given: %#', (workload, text) => {
    expect(resourcesText(workload, trans)).toBe(text);
  });

  it.each(terminal.numbers)('of the number %d', (value, text) => {
    expect(numberText(value)).toBe(text);
  });

  it.each(terminal.durations)('of %d seconds', (seconds, text) => {
    expect(durationText(seconds, trans)).toBe(text);
  });

  it.each(terminal.bytes)('of %d bytes', (amount, text) => {
    expect(bytesText(amount)).toBe(text);
  });

  it.each(terminal.parts)('of %d bytes of %d', (used, limit, text) => {
    expect(bytesOfText(used, limit, trans)).toBe(text);
  });

  it.each(terminal.foreign)('of foreign text %j', (text, shown) => {
    expect(oneLine(text)).toBe(shown);
  });
});

describe('words of the page alone', () => {
  it.each([
    [-3, '0 s'],
    [8.9, '8 s'],
    [59.9, '59 s'],
    [60, '1 m'],
    [3599, '59 m'],
    [3600, '1 h'],
    [86_399, '23 h'],
    [3 * 86_400, '3 d']
  ])('an age of %d seconds has one unit: %s', (seconds, text) => {
    expect(ageText(seconds, trans)).toBe(text.replace(' ', '\u00a0'));
  });

  it('knows the numbers that JSON does not', () => {
    expect(fromWire('NaN')).toBeNaN();
    expect(fromWire('-Infinity')).toBe(-Infinity);
    expect(metricText('Infinity')).toBe('Infinity');
    expect(metricText(0.9121)).toBe('0.912');
  });

  it('shows a dash for what is not known, never 0', () => {
    expect(orUnknown(null)).toBe('–');
    expect(orUnknown('0 s')).toBe('0 s');
  });

  it('has a word for each phase, and for one that it does not know', () => {
    expect(phaseName('Succeeded', trans)).toBe('Succeeded');
    expect(phaseName('Hibernating', trans)).toBe('Unknown');
  });

  it('shows the name that its writer gave, on one line', () => {
    expect(shownName(workload('xun-lian', { display_name: '训练\n手写数字' }))).toBe(
      '训练 手写数字'
    );
    expect(shownName(workload('digits'))).toBe('digits');
  });

  it('prefers the metric that people look at', () => {
    expect(nameThatMatters(['lr', 'loss', 'val_accuracy'])).toBe('val_accuracy');
    expect(nameThatMatters(['lr'])).toBe('lr');
    expect(nameThatMatters([])).toBe('');
  });

  it('sums GPUs over workers', () => {
    const replicas = [{ rank: 0 }, { rank: 1 }];
    expect(gpusOf(workload('digits', { replicas, resources: { gpu: 0.25 } }))).toBe(0.5);
  });

  it('says what was asked of GPUs, and not what a slice came to', () => {
    const replicas = [{ rank: 0 }];
    const of = (resources: object, gpu: number) =>
      gpuText(workload('digits', { replicas, resources, granted: { gpu } }), trans);
    expect(of({ gpu: 0.25 }, 0.244)).toBe('0.25\u00a0GPU');
    expect(of({ gpu_memory: 10 * 2 ** 30 }, 0.0698)).toMatch(/^10.GiB of a GPU$/);
    expect(of({}, 1)).toBe('1\u00a0GPU');
    expect(of({}, 0)).toBe('');
  });

  it('never lets the text of a workload end a line or reorder another', () => {
    const said = stateText(row('x', { phase: 'Failed', message: 'a\nb\u202ec' }), 0, trans);
    expect(said).toBe('Failed: a b⟨U+202E⟩c');
  });

  it('says the time of day in 24 hours', () => {
    expect(clockText(1_800_000_000)).toMatch(/^\d\d:\d\d:\d\d$/);
  });
});
