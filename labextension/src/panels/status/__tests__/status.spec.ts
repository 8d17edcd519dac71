import { nullTranslator } from '@jupyterlab/translation';

import { FakeStore, row } from '../../../__tests__/fakes';
import { StatusItem } from '../item';
import { statusText } from '../text';

const trans = nullTranslator.load('cnai_lab');

describe('the status bar', () => {
  it('says what runs and what waits, and is silent when nothing does', () => {
    const done = row('done', { phase: 'Succeeded' });
    expect(statusText(new FakeStore([done]), trans)).toBe('');
    const store = new FakeStore([done, row('a'), row('b'), row('c', { phase: 'Queued' })]);
    expect(statusText(store, trans)).toBe('2 running, 1 queued');
  });

  it('says what is free of the GPUs', () => {
    const store = new FakeStore([row('a')]);
    const items = [
      { resource: 'cpu', limit: 8, used: 2 },
      { resource: 'gpu', label: 'GPU', limit: 1, used: 0.75 }
    ];
    store.setPlace({ quota: { backend: 'local', place: 'this machine', items } });
    expect(statusText(store, trans)).toBe('1 running · 0.25 of 1 GPU free');
  });

  it('adds no slice to a whole one: each kind is said by its own name', () => {
    const store = new FakeStore([row('a')]);
    const kinds = [
      { resource: 'requests.nvidia.com/gpu', label: 'GPU H200', limit: 4, used: 3 },
      { resource: 'requests.nvidia.com/mig-1g.18gb', label: 'GPU 1g.18gb', limit: 7, used: 2 }
    ];
    const of = (items: object[]) =>
      store.setPlace({ quota: { backend: 'kubernetes', place: 'team', items: items as never } });
    of(kinds);
    expect(statusText(store, trans)).toBe(
      '1 running · 1 of 4 GPU H200 free, 5 of 7 GPU 1g.18gb free'
    );
    of([...kinds, { resource: 'requests.nvidia.com/gpu.shared', limit: 8 }]);
    expect(statusText(store, trans)).toMatch(/GPU 1g.18gb free, 1 more kind$/);
    of([{ ...kinds[0], limit: null }]);
    expect(statusText(store, trans)).toBe('1 running');
  });

  it('appears with the first job, and not at all when it is not wanted', () => {
    const store = new FakeStore([]);
    const item = new StatusItem(store, trans, () => undefined);
    let told = 0;
    item.activeChanged.connect(() => told++);
    store.setRows([row('a')]);
    store.setRows([row('a'), row('b')]);
    expect([item.active, told]).toEqual([true, 1]);
    item.allowed = false;
    expect([item.active, told]).toEqual([false, 2]);
  });
});
