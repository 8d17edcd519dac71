import { nullTranslator } from '@jupyterlab/translation';

import { FakeStore } from '../../__tests__/fakes';
import { QuotaItem } from '../../generated/wire';
import { IPlace } from '../../tokens';
import { fitOf } from '../fit';
import { emptyWish, IWish } from '../wish';

const trans = nullTranslator.load('cnai_lab');
const GIB = 2 ** 30;
const ITEMS: QuotaItem[] = [
  { resource: 'cpu', limit: 8, used: 4 },
  { resource: 'memory', limit: 16 * GIB, used: 8 * GIB },
  { resource: 'gpu', limit: 1, used: 0.75 }
];

function place(items: QuotaItem[]): IPlace | null {
  const store = new FakeStore();
  store.setPlace({ quota: { backend: 'local', place: 'this machine', items } });
  return store.place('local');
}

function fit(part: Partial<IWish>, items = ITEMS): string | undefined {
  const wish = { ...emptyWish({ name: 'fn', parameters: [] }), ...part };
  return fitOf(wish, place(items), trans)?.text.replace(/\u00a0/g, ' ');
}

describe('whether a job fits', () => {
  it('is not said where the quota is not known', () => {
    expect(fit({}, [])).toBeUndefined();
  });

  it.each([
    [{}, 'Fits now'],
    [{ workers: '2', cpu: '2', memory: '4Gi' }, 'Fits now'],
    [{ gpu: '0.25' }, 'Fits now'],
    [{ workers: '3', cpu: '2' }, 'Waits in line: it needs 6 CPU, and 4 CPU is free'],
    [{ gpu: '0.5' }, 'Waits in line: it needs 0.5 GPU, and 0.25 GPU is free'],
    [{ workers: '5', cpu: '2' }, 'Never fits: it needs 10 CPU, and there is 8 CPU'],
    [{ memory: '32' }, 'Never fits: it needs 32 GiB, and there is 16 GiB'],
    [{ gpu: '2' }, 'Never fits: it needs 2 GPU, and there is 1 GPU']
  ])('of %j is: %s', (part: Partial<IWish>, text) => expect(fit(part)).toBe(text));

  it('is never wrong about a GPU where there is none', () => {
    expect(fit({ gpu: '1' }, ITEMS.slice(0, 2))).toMatch(/^Never fits/);
  });

  it('takes a limit that is not known for no limit', () => {
    expect(fit({ cpu: '64' }, [{ resource: 'cpu', limit: null, used: 2 }])).toBe('Fits now');
  });
});
