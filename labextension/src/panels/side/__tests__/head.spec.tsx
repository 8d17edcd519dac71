import { act, fireEvent, render, screen } from '@testing-library/react';
import React from 'react';

import { FakeStore, LOCAL } from '../../../__tests__/fakes';
import { ApiError } from '../../../api';
import { Head } from '../head';
import { click, trans } from './mounted';

const CLUSTER = { id: 'k8s', name: 'kubernetes', place: 'team-a on gpu-lab' };

function mount(store = new FakeStore()): FakeStore {
  render(<Head store={store} trans={trans} />);
  return store;
}

function onCluster(problem: object = {}): FakeStore {
  const store = new FakeStore([], [LOCAL, { ...CLUSTER, ...problem }]);
  store.serving = {
    backend: 'kubernetes',
    source: CLUSTER.id,
    why: 'configuration file',
    choices: [CLUSTER.id, 'local']
  };
  return store;
}

describe('the backend', () => {
  test('is named, with what chose it', () => {
    mount();
    expect(screen.getByText('This machine', { selector: 'bdi' })).toBeTruthy();
    expect(screen.getByText('By default: nothing else is chosen')).toBeTruthy();
  });

  test('a cluster is named in two parts, of which the second goes first', () => {
    mount(onCluster());
    expect(screen.getByText('team-a')).toBeTruthy();
    expect(screen.getByText('on gpu-lab')).toBeTruthy();
    expect(screen.getByText('Chosen in the configuration file')).toBeTruthy();
  });

  test('a switch says what it changes and what it does not, then chooses', async () => {
    const store = mount(onCluster());
    fireEvent.click(screen.getByRole('button', { name: /team-a/ }));
    expect(
      screen.getByText(/started from now on.*Kernels that have used the SDK keep/)
    ).toBeTruthy();
    const choices = screen.getAllByRole('button').slice(1);
    expect(choices.map(choice => choice.textContent)).toEqual([
      'team-a on gpu-lab',
      'This machine'
    ]);
    expect(choices[0]!.getAttribute('aria-current')).toBe('true');
    expect(document.activeElement).toBe(choices[0]);
    await click(choices[1]!);
    expect(store.chosen).toEqual(['local']);
    expect(screen.queryByText(/started from now on/)).toBeNull();
    expect(document.activeElement).toBe(screen.getByRole('button', { name: /team-a/ }));
  });

  test('a refused switch says why, where it was asked, and can be tried again', async () => {
    const store = onCluster();
    store.choose = () =>
      Promise.reject(
        new ApiError(403, { what: 'The file cannot be written.', why: '', next_step: '' })
      );
    mount(store);
    fireEvent.click(screen.getByRole('button', { name: /team-a/ }));
    const choice = screen.getByRole('button', { name: 'This machine' });
    await click(choice);
    expect(screen.getByRole('alert').textContent).toBe('The file cannot be written.');
    expect((choice as HTMLButtonElement).disabled).toBe(false);
  });

  test('where the environment decides, nothing can be chosen, and it says so', () => {
    const store = onCluster();
    store.serving = { ...store.serving!, fixed: true, why: 'CNAI_BACKEND' };
    mount(store);
    expect(screen.getByText('Set by the variable CNAI_BACKEND')).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: /team-a/ }));
    expect(screen.getByRole<HTMLButtonElement>('button', { name: 'This machine' }).disabled).toBe(
      true
    );
    expect(screen.getByText(/a switch here would change nothing/)).toBeTruthy();
  });

  test('Escape closes the switch and gives the focus back', () => {
    mount(onCluster());
    const button = screen.getByRole('button', { name: /team-a/ });
    fireEvent.click(button);
    fireEvent.keyDown(document.activeElement!, { key: 'Escape' });
    expect(screen.queryByText(/started from now on/)).toBeNull();
    expect(document.activeElement).toBe(button);
  });
});

describe('how the page stands with the server', () => {
  test('well, or resting: not a word', () => {
    const store = mount();
    for (const connection of ['live', 'resting', 'connecting'] as const) {
      act(() => store.setConnection(connection));
      expect(screen.queryByRole('alert')).toBeNull();
      expect(screen.queryByText(/Reconnecting/)).toBeNull();
    }
  });

  test('stale: a bar with the time of the last word, and Retry', () => {
    const store = mount();
    act(() => store.setConnection('stale'));
    expect(screen.getByText(/^Reconnecting · as of \d\d:\d\d/)).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Retry' }));
    expect(store.retries).toBe(1);
  });

  test('gone: what happened, why and what to do, on top', () => {
    const store = mount();
    act(() =>
      store.setConnection('gone', {
        ...{ what: 'You were signed out.', why: 'It expired.', next_step: 'Sign in again.' }
      })
    );
    const alert = screen.getByRole('alert');
    expect(alert.textContent).toContain('You were signed out.');
    expect(alert.textContent).toContain('It expired.');
    expect(alert.textContent).toContain('Sign in again.');
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(store.retries).toBe(1);
    act(() => store.setConnection('live'));
    expect(screen.queryByRole('alert')).toBeNull();
  });

  test('gone without a reason: that the server does not answer', () => {
    const store = mount();
    act(() => store.setConnection('gone'));
    expect(screen.getByRole('alert').textContent).toContain('does not answer');
  });

  test('a place that is away: its problem, and this machine in its stead', () => {
    const problem = { what: 'The cluster gpu-lab does not answer', why: 'The VPN is off.' };
    const store = mount(onCluster({ problem, since: 1_800_000_000 }));
    const alert = screen.getByRole('alert');
    expect(alert.textContent).toContain('The cluster gpu-lab does not answer');
    expect(alert.textContent).toMatch(/team-a on gpu-lab, since \d\d:\d\d/);
    fireEvent.click(screen.getByRole('button', { name: 'Use this machine' }));
    expect(store.chosen).toEqual(['local']);
  });
});
