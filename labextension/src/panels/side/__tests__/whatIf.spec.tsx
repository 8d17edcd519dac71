import { act, fireEvent, render, screen } from '@testing-library/react';
import React from 'react';

import { ApiError } from '../../../api';
import { FakeStore } from '../../../__tests__/fakes';
import { Fit } from '../../../generated/wire';
import { fitText, wishedOf } from '../../../parts/fit';
import { AGAIN, PAUSE } from '../../../parts/questions';
import { WhatIf } from '../whatIf';
import { trans } from './mounted';

const EMPTY = { count: '', workers: '1', cpu: '', memory: '', gpu: '' };

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

async function settled(after = PAUSE): Promise<void> {
  await act(async () => {
    jest.advanceTimersByTime(after);
    await Promise.resolve();
  });
}

function mount(store = new FakeStore()): FakeStore {
  const whole = (at: FakeStore) => <WhatIf store={at} place={at.places[0]!} trans={trans} />;
  const { rerender } = render(whole(store));
  store.changed.connect(() => rerender(whole(store)));
  return store;
}

const type = (label: string, value: string) =>
  fireEvent.change(screen.getByLabelText(label), { target: { value } });

describe('what is asked', () => {
  test('is what was typed, and nothing that was left out', () => {
    expect(wishedOf(EMPTY)).toEqual({ wishes: { workers: 1 }, count: 1 });
    expect(wishedOf({ ...EMPTY, count: '4', gpu: '0.25', memory: '8', cpu: '2' })).toEqual({
      wishes: { workers: 1, gpu: 0.25, memory: '8Gi', cpu: 2 },
      count: 4
    });
  });

  test('keeps what makes no sense, for the server to say so', () => {
    expect(wishedOf({ ...EMPTY, gpu: 'half', memory: '10GB' }).wishes).toEqual({
      ...{ workers: 1, gpu: 'half', memory: '10GB' }
    });
    expect(wishedOf({ ...EMPTY, gpu: '-1', count: 'many' })).toEqual({
      wishes: { workers: 1, gpu: -1 },
      count: 'many'
    });
  });
});

describe('what is said', () => {
  const cases: [Fit, string][] = [
    [{ answer: 'now' }, 'Fits now'],
    [{ answer: 'now', count: 4, now: 4 }, 'All 4 fit now'],
    [{ answer: 'waits', count: 4, now: 3 }, '3 of 4 fit now, the others wait'],
    [{ answer: 'waits', position: 1, why: 'no GPU' }, 'Waits, first in line: no GPU'],
    [{ answer: 'waits', why: '3 wait' }, 'Waits: 3 wait'],
    [
      { answer: 'waits', position: 4, seconds: 720 },
      'Waits behind 3, about 12\u00a0m by the deadlines of what runs'
    ],
    [
      { answer: 'now', notices: ['Up to 2 GPU-hours.', 'One is ignored.'] },
      'Fits now. Up to 2 GPU-hours. One is ignored.'
    ],
    [{ answer: 'now', unsure: 'idle' }, 'Large enough; whether it is idle cannot be seen'],
    [
      { answer: 'now', count: 4, now: 4, unsure: 'idle' },
      'Large enough for all 4; whether it is idle cannot be seen'
    ],
    [
      { answer: 'now', unsure: 'nodes' },
      'No visible limit forbids it; whether there is room cannot be seen'
    ],
    [
      { answer: 'waits', count: 4, now: 3, unsure: 'idle' },
      'At most 3 of 4 fit now, the others wait'
    ],
    [{ answer: 'never', why: 'the quota gives 2' }, 'Never fits: the quota gives 2'],
    [
      { answer: 'never', why: 'The quota gives 2.', next_step: 'Write gpu=2.' },
      'Never fits: The quota gives 2. Write gpu=2.'
    ]
  ];
  test.each(cases)('%j', (fit, said) => {
    expect(fitText(fit, trans)).toBe(said);
  });
});

describe('the form', () => {
  test('asks once when somebody stops to type', async () => {
    const store = mount();
    await settled();
    store.fitting = () => ({ answer: 'waits', count: 4, now: 3, position: 1 });
    const before = store.wished.length;
    type('Jobs', '4');
    type('GPU each', '0.2');
    type('GPU each', '0.25');
    await settled();
    expect(store.wished).toHaveLength(before + 1);
    expect(store.wished[before]).toEqual({
      source: 'local',
      wished: { wishes: { workers: 1, gpu: 0.25 }, count: 4 }
    });
    expect(screen.getByRole('status').textContent).toContain('3 of 4 fit now, the others wait');
  });

  test('asks again when the quota has moved, and not otherwise', async () => {
    const store = mount();
    await settled();
    expect(screen.getByRole('status').textContent).toContain('Fits now');
    const before = store.wished.length;
    await settled();
    expect(store.wished).toHaveLength(before);
    store.fitting = () => ({ answer: 'waits', position: 2 });
    act(() => store.setPlace({ quota: { backend: 'local', place: 'this machine' } }));
    await settled(AGAIN);
    expect(screen.getByRole('status').textContent).toContain('Waits behind 1');
  });

  test('asks once a second where the quota moves many times in one', async () => {
    const store = mount();
    await settled();
    const before = store.wished.length;
    for (let n = 0; n < 40; n++) {
      act(() => store.setPlace({ quota: { backend: 'local', place: 'this machine' } }));
      await settled(50);
    }
    expect(store.wished.length).toBeGreaterThan(before);
    expect(store.wished.length).toBeLessThanOrEqual(before + 2);
  });

  test('is answered by a slow server while the quota moves on and on', async () => {
    const answers: (() => void)[] = [];
    const store = new FakeStore();
    const fits = store.fits.bind(store);
    store.fits = async (...asked) => {
      await new Promise<void>(resolve => answers.push(resolve));
      return fits(...asked);
    };
    mount(store);
    const said = () => screen.getByRole('status').textContent;
    const move = async () => {
      act(() => store.setPlace({ quota: { backend: 'local', place: 'this machine' } }));
      await act(() => jest.advanceTimersByTimeAsync(AGAIN));
    };
    for (let n = 0; n < 4; n++) {
      await move();
    }
    answers[0]!();
    await move();
    expect(said()).toContain('Fits now');
    store.fitting = () => ({ answer: 'waits', position: 2 });
    answers[2]!();
    await move();
    expect(said()).toContain('Waits behind 1');
    store.fitting = () => ({ answer: 'now' });
    answers[1]!(); // which is older than what is said
    await move();
    expect(said()).toContain('Waits behind 1');
  });

  test('has no mark of success for what is only large enough', async () => {
    const store = new FakeStore();
    store.fitting = () => ({ answer: 'now', unsure: 'idle' });
    mount(store);
    await settled();
    const mark = () => screen.getByRole('status').querySelector('.cnai-PhaseMark');
    expect(mark()?.classList.contains('cnai-mod-unknown')).toBe(true);
    store.fitting = () => ({ answer: 'now' });
    act(() => store.setPlace({ quota: { backend: 'local', place: 'this machine' } }));
    await settled(AGAIN);
    expect(mark()?.classList.contains('cnai-mod-succeeded')).toBe(true);
  });

  test('asks again when the place is there again', async () => {
    const store = mount();
    const there = store.places[0]!.source;
    act(() => store.setPlace({ source: { ...there, problem: { what: 'It is away.' } } }));
    await settled();
    const before = store.wished.length;
    act(() => store.setPlace({ source: there }));
    await settled(AGAIN);
    expect(store.wished).toHaveLength(before + 1);
  });

  test('shows why something makes no sense, as text', async () => {
    const store = new FakeStore();
    store.fitting = () => {
      const refusal = { what: '<b>gpu</b> is no number.', why: '', next_step: 'Write gpu=1.' };
      throw new ApiError(400, refusal);
    };
    mount(store);
    await settled();
    const said = screen.getByRole('status');
    expect(said.textContent).toBe('<b>gpu</b> is no number. Write gpu=1.');
    expect(said.querySelector('b')).toBeNull();
  });

  test('marks the field that is refused, until it makes sense', async () => {
    const store = new FakeStore();
    store.fitting = ({ wishes }) => {
      if (wishes?.gpu === 0) {
        throw new ApiError(400, { what: 'gpu=0 cannot be given.', why: '', next_step: '' });
      }
      return { answer: 'now' };
    };
    mount(store);
    type('GPU each', '0');
    await settled();
    const field = (label: string) => screen.getByLabelText(label).getAttribute('aria-invalid');
    expect(field('GPU each')).toBe('true');
    expect(field('CPU each')).toBe('false');
    type('GPU each', '1');
    await settled();
    expect(field('GPU each')).toBe('false');
  });
});
