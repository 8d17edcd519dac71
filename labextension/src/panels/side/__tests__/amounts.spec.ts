import { nullTranslator } from '@jupyterlab/translation';

import { Device, QuotaItem } from '../../../generated/wire';
import {
  amountText,
  cellShares,
  cellsOf,
  labelOf,
  meterText,
  sharesOf,
  usedText
} from '../amounts';

const trans = nullTranslator.load('cnai_lab');
const GIB = 2 ** 30;
const cpu: QuotaItem = { resource: 'cpu', limit: 16, used: 11, mine: 4, label: 'CPU cores' };
const memory: QuotaItem = { resource: 'memory', limit: 64 * GIB, used: 38 * GIB, mine: 14 * GIB };
const h100: QuotaItem = {
  ...{ resource: 'gpu', limit: 8, used: 6, mine: 2, label: 'GPU, NVIDIA H100 80GB' }
};
const slice = (parent: string): Device => ({
  ...{ id: `MIG-${parent}`, model: 'H100', memory: 20 * GIB, profile: '1g.20gb', parent }
});

describe('what a gauge says', () => {
  test('how much of how much, in the words of the resource', () => {
    expect(usedText(cpu, trans)).toBe('11 of 16 cores');
    expect(usedText({ resource: 'cpu', limit: 1 }, trans)).toBe('0 of 1 core');
    expect(usedText(memory, trans)).toBe('38 of 64\u00a0GiB');
    expect(usedText(h100, trans)).toBe('6 of 8');
  });

  test('what others use outside of the SDK counts', () => {
    const item = { ...memory, used: 2 * GIB, mine: 2 * GIB, others: 3 * GIB };
    expect(usedText(item, trans)).toBe('5 of 64\u00a0GiB');
    expect(sharesOf(item)).toEqual({ mine: 2 * GIB, others: 3 * GIB, free: 59 * GIB });
  });

  test('an unknown limit is said, and is neither 0 nor unlimited', () => {
    const item = { ...cpu, limit: null };
    expect(usedText(item, trans)).toBe('11 cores in use');
    expect(meterText(item, trans)).toContain('limit not known');
  });

  test('a share of a GPU is written as one', () => {
    expect(amountText(h100, 0.25, trans)).toBe('0.25 GPU');
  });

  test('the label names the kind of GPU', () => {
    expect(labelOf(h100, trans)).toBe('GPU NVIDIA H100 80GB');
    expect(labelOf(cpu, trans)).toBe('CPU');
    expect(labelOf({ resource: 'requests.example.com/fpga' }, trans)).toBe(
      'requests.example.com/fpga'
    );
  });

  test('to those who do not see it: used, yours and free', () => {
    expect(meterText(h100, trans)).toBe('6 of 8, you 2 GPU, free 2 GPU');
  });
});

describe('how a gauge is drawn', () => {
  test('GPUs up to 16 are cells in groups of four', () => {
    expect(cellsOf(h100, [])).toEqual([4, 4]);
    expect(cellsOf({ ...h100, limit: 6 }, [])).toEqual([4, 2]);
    expect(cellsOf({ ...h100, limit: 16 }, [])).toEqual([4, 4, 4, 4]);
  });

  test('slices are in groups of their card', () => {
    const slices = { ...h100, limit: 5, label: 'GPU, H100 1g.20gb' };
    const devices = ['a', 'a', 'a', 'b', 'b'].map(slice);
    expect(cellsOf(slices, devices)).toEqual([3, 2]);
  });

  test('cores, memory, more than 16 and unknown limits are a bar', () => {
    for (const item of [cpu, memory, { ...h100, limit: 17 }, { ...h100, limit: null }]) {
      expect(cellsOf(item, [])).toBeNull();
    }
  });

  test('a cell may be shared: a quarter of a GPU fills a quarter of it', () => {
    const shares = { mine: 0.25, others: 1, free: 0.75 };
    expect(cellShares(shares, 0)).toEqual({ mine: 0.25, others: 0.75, free: 0 });
    expect(cellShares(shares, 1)).toEqual({ mine: 0, others: 0.25, free: 0.75 });
  });

  test('more used than the limit leaves nothing free', () => {
    expect(sharesOf({ ...h100, used: 10 }).free).toBe(0);
  });
});
