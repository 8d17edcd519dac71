import { act, fireEvent, render, screen } from '@testing-library/react';
import React from 'react';

import { FakeStore, LOCAL, row } from '../../../__tests__/fakes';
import { Quota as QuotaOf, QuotaItem, Row } from '../../../generated/wire';
import { PanelModel } from '../model';
import { Quota } from '../quota';
import { trans } from './mounted';

const GIB = 2 ** 30;
const CPU: QuotaItem = {
  ...{ resource: 'cpu', label: 'CPU cores', limit: 8, used: 3, mine: 2 },
  holders: [
    { name: 'digits', amount: 2 },
    { name: 'theirs', amount: 1, mine: false }
  ]
};
const MEMORY: QuotaItem = { resource: 'memory', limit: 16 * GIB, others: 2.7 * GIB };
const GPU: QuotaItem = { resource: 'gpu', label: 'GPU, H100', limit: 8, used: 6, mine: 2 };

function quota(items: QuotaItem[], unseen: string[] = []): QuotaOf {
  return { backend: 'local', place: 'this machine', items, unseen };
}

function mount(shown: QuotaOf | null, rows: Row[] = [], store = new FakeStore(rows)) {
  store.setPlace({ quota: shown });
  const model = new PanelModel();
  const { container } = render(<Quota store={store} model={model} trans={trans} />);
  return { container, store, model };
}

const meter = (name: string) => screen.getByRole('meter', { name });

describe('a gauge', () => {
  test('says in words what it draws', () => {
    mount(quota([CPU, MEMORY, GPU]));
    expect(meter('CPU').getAttribute('aria-valuetext')).toBe(
      '3 of 8 cores, you 2 cores, free 5 cores'
    );
    expect(meter('CPU').getAttribute('aria-valuenow')).toBe('3');
    expect(meter('CPU').getAttribute('aria-valuemax')).toBe('8');
    expect(meter('GPU H100').querySelectorAll('.cnai-Cells-group')).toHaveLength(2);
    expect(meter('GPU H100').querySelectorAll('.cnai-mod-you')).toHaveLength(2);
    expect(meter('GPU H100').querySelectorAll('.cnai-mod-others')).toHaveLength(4);
  });

  test('shows the jobs behind it, and all again', () => {
    const { model, store } = mount(quota([CPU]));
    const label = screen.getByRole('button', { name: 'CPU' });
    fireEvent.click(label);
    const { names } = model.state.query.behind!;
    expect([...names()]).toEqual(['digits', 'theirs']);
    act(() =>
      store.setPlace({ quota: quota([{ ...CPU, holders: [{ name: 'new', amount: 1 }] }]) })
    );
    expect([...names()]).toEqual(['new']);
    expect(label.getAttribute('aria-pressed')).toBe('true');
    fireEvent.click(label);
    expect(model.state.query.behind).toBeNull();
  });

  test('says what waits for it', () => {
    const waiting = row('big', { phase: 'Queued', resources: { gpu: 4 } });
    const { store } = mount(quota([CPU, GPU]), [waiting]);
    expect(screen.getByText('1 waiting needs 4 GPU')).toBeTruthy();
    act(() => store.setRows([waiting, row('more', { phase: 'Queued', resources: { gpu: 3 } })]));
    expect(screen.getByText('2 waiting need 7 GPU')).toBeTruthy();
    act(() => store.setRows([]));
    expect(screen.queryByText(/waiting/)).toBeNull();
  });

  test('says who waits where the place knows it; a click shows them', () => {
    const item = { ...GPU, waiting: [{ name: 'second', amount: 2, position: 1 }] };
    const { model } = mount(quota([CPU, item]));
    const waits = screen.getByRole('button', { name: /1 waiting needs 2 GPU/ });
    fireEvent.click(waits);
    const { names, part } = model.state.query.behind!;
    expect([...names()]).toEqual(['second']);
    expect(part).toBe('waiting');
    expect(waits.getAttribute('aria-pressed')).toBe('true');
    const label = screen.getByRole('button', { name: 'GPU H100' });
    expect(label.getAttribute('aria-pressed')).toBe('false');
    fireEvent.click(label);
    expect(model.state.query.behind!.part).toBe('holders');
  });

  test('says what is borrowed, what could be, and what a worker may have', () => {
    mount(quota([{ ...GPU, borrowed: 1, lendable: 2, most: 1 }]));
    const said = '1 GPU of it borrowed · 2 GPU more can be borrowed · a worker gets at most 1 GPU';
    expect(screen.getByText(said)).toBeTruthy();
  });

  test('each kind of GPU has its own, and its memory is in bytes', () => {
    const mig = { resource: 'nvidia.com/mig-1g.10gb', label: 'GPU, MIG 1g.10gb', unit: 'GPUs' };
    const memory = { resource: 'nvidia.com/gpumem', label: 'GPU memory', unit: 'bytes' };
    mount(
      quota([
        { ...mig, limit: 7 },
        { ...memory, limit: 8 * GIB, used: 2 * GIB }
      ])
    );
    expect(meter('GPU MIG 1g.10gb').querySelectorAll('.cnai-Cells-group')).toHaveLength(2);
    expect(meter('GPU memory').getAttribute('aria-valuetext')).toContain('2 of 8\u00a0GiB');
  });

  test('moves when the quota does', () => {
    const { store } = mount(quota([CPU]));
    act(() => store.setPlace({ quota: quota([{ ...CPU, used: 8 }]) }));
    expect(meter('CPU').getAttribute('aria-valuenow')).toBe('8');
  });
});

describe('a queue', () => {
  const line = {
    name: 'team',
    waiting: 3,
    mine: [{ id: 'digits-1', name: 'digits', amount: 1, position: 2 }]
  };

  test('says how many wait and where one stands; a click shows the job', () => {
    const { model } = mount({ ...quota([CPU]), lines: [line] });
    expect(screen.getByText('Queue team: 3 wait')).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'digits: place 2' }));
    expect(model.state.query.text).toBe('digits');
  });

  test('says why it admits nothing', () => {
    mount({ ...quota([CPU]), lines: [{ ...line, stopped: 'the queue team is paused' }] });
    expect(screen.getByText('the queue team is paused')).toBeTruthy();
  });
});

describe('queues that nobody has chosen', () => {
  const line = { name: 'day', waiting: 2, chosen: false };

  test('say what they have, and how a job gets into one', () => {
    mount({ ...quota([CPU]), lines: [{ ...line, items: [CPU, { ...GPU, label: 'GPU' }] }] });
    expect(screen.getByText('Queue day: 2 wait')).toBeTruthy();
    expect(screen.getByText('CPU: 3 of 8 cores')).toBeTruthy();
    expect(screen.getByText('GPU: 6 of 8')).toBeTruthy();
    expect(screen.queryByText(/No GPU/)).toBeNull();
    expect(
      screen.getByText(/queue="day" in cnai.train puts a job there, CNAI_QUEUE=day all of them/)
    );
  });

  test('say what is used where their limits are not visible', () => {
    const used = { ...GPU, label: 'GPU', limit: null };
    mount({ ...quota([CPU]), lines: [{ ...line, items: [used] }] });
    expect(screen.getByText('GPU: 6 GPU in use')).toBeTruthy();
  });

  test('a queue that was chosen needs no such sentence', () => {
    mount({ ...quota([CPU]), lines: [{ name: 'day', waiting: 0 }] });
    expect(screen.queryByText(/No queue is set/)).toBeNull();
  });
});

describe('a place that does not answer', () => {
  const away = { ...LOCAL, problem: { what: 'The cluster is away.' }, since: 1_800_000_000 };

  test('keeps its numbers and says how old they are', () => {
    const { store } = mount(quota([CPU]));
    expect(screen.queryByText(/is not available/)).toBeNull();
    act(() => store.setPlace({ source: away }));
    expect(screen.getByText(/^This machine is not available: this is as of \d\d:\d\d$/));
    expect(meter('CPU')).toBeTruthy();
    act(() => store.setPlace({ source: LOCAL }));
    expect(screen.queryByText(/is not available/)).toBeNull();
  });

  test('says so where there were no numbers yet', () => {
    const { store } = mount(null);
    act(() => store.setPlace({ source: away }));
    expect(screen.getByText('This machine is not available')).toBeTruthy();
  });
});

test('the form is shown on demand', () => {
  const { model } = mount(quota([CPU]));
  expect(screen.queryByRole('region', { name: 'Would it fit?' })).toBeNull();
  act(() => model.set({ whatIf: true }));
  expect(screen.getByRole('region', { name: 'Would it fit?' })).toBeTruthy();
});

describe('in the place of a gauge', () => {
  test('a sentence says that there is no GPU', () => {
    mount(quota([CPU]));
    expect(screen.getByText('No GPU on this machine. Jobs train on the CPU.')).toBeTruthy();
  });

  test('a sentence says what may not be seen', () => {
    mount(quota([CPU, GPU], ['memory', 'Other namespaces are hidden.']));
    expect(screen.getByText('Memory: not visible to you')).toBeTruthy();
    expect(screen.getByText('Other namespaces are hidden.')).toBeTruthy();
  });

  test('nothing is drawn before the quota is known', () => {
    expect(mount(null).container.textContent).toBe('');
  });
});

describe('who uses what', () => {
  test('is shown on demand, by name; a name filters the jobs', () => {
    const { model } = mount(quota([CPU, MEMORY]));
    expect(screen.queryByText('theirs')).toBeNull();
    act(() => model.set({ holders: true }));
    expect(screen.getByText('theirs').closest('button')).toBeNull();
    expect(screen.getByText('Other processes')).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'digits' }));
    expect(model.state.query.text).toBe('digits');
  });

  test('says so when nothing is in use', () => {
    const { model } = mount(quota([{ ...CPU, holders: [] }]));
    act(() => model.set({ holders: true }));
    expect(screen.getByText('Nothing is in use.')).toBeTruthy();
  });

  test('hostile names are text', () => {
    const hostile = '<img src=x onerror="window.hurt=1">';
    const item = { ...CPU, label: hostile, holders: [{ name: hostile, amount: 1 }] };
    const { model, container } = mount(quota([{ ...item, resource: 'example.com/x' }]));
    act(() => model.set({ holders: true }));
    expect(container.querySelector('img')).toBeNull();
    expect(screen.getAllByText(hostile).length).toBeGreaterThan(1);
  });
});

test('other places fold to one line with their sums', () => {
  const cluster = { id: 'k8s', name: 'kubernetes', place: 'team-a on gpu-lab' };
  const store = new FakeStore([], [cluster, LOCAL]);
  store.serving = { backend: 'kubernetes', source: 'k8s', why: 'default' };
  store.setPlace({ quota: quota([GPU]) }, 'k8s');
  mount(quota([CPU, MEMORY]), [], store);
  const other = screen.getByRole('button', { name: /This machine/ });
  expect(other.textContent).toContain('CPU 3 of 8');
  expect(other.getAttribute('aria-expanded')).toBe('false');
  expect(screen.queryByRole('meter', { name: 'CPU' })).toBeNull();
  fireEvent.click(other);
  expect(meter('CPU')).toBeTruthy();
});
