import { act, fireEvent, render, screen, waitFor } from '@testing-library/react';
import React from 'react';

import { FakeStore, LOCAL } from '../../../__tests__/fakes';
import { ApiError } from '../../../api';
import { Head } from '../head';
import { click, trans } from './mounted';

const PROBLEM = { what: 'The cluster gpu-lab does not answer.', why: 'The VPN is off.' };
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
  test('well: not a word', () => {
    const store = mount();
    for (const connection of ['live', 'connecting'] as const) {
      act(() => store.setConnection(connection));
      expect(screen.queryByRole('alert')).toBeNull();
      expect(screen.queryByRole('status')).toBeNull();
      expect(screen.queryByText(/Reconnecting/)).toBeNull();
    }
  });

  test('resting before the eyes of somebody: since when, and what makes it go on', () => {
    const store = mount();
    act(() => store.setConnection('resting'));
    expect(screen.getByRole('status').textContent).toMatch(
      /^Paused since \d\d:\d\d · goes on when you move the mouse$/
    );
    expect(screen.queryByText(/Reconnecting/)).toBeNull();
    act(() => store.setConnection('connecting'));
    expect(screen.queryByRole('status')).toBeNull();
  });

  test('resting in a hidden page: not a word, also in the moment in which it is shown', () => {
    const visible = jest.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden');
    const store = mount();
    act(() => store.setConnection('resting'));
    visible.mockRestore();
    expect(screen.queryByRole('status')).toBeNull();
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

  test('a place that is away: one line, that unfolds to what happened and what can be done', () => {
    const store = mount(onCluster({ problem: PROBLEM, since: 1_800_000_000 }));
    expect(screen.getByRole('alert').textContent).toMatch(
      /^team-a on gpu-lab is not available, since \d\d:\d\d$/
    );
    const details = screen.getByRole('button', { name: 'Details of team-a on gpu-lab' });
    expect(details.getAttribute('aria-expanded')).toBe('false');
    expect(screen.queryByRole('button', { name: 'Use this machine' })).toBeNull();
    fireEvent.click(details);
    expect(details.getAttribute('aria-expanded')).toBe('true');
    const verdict = document.getElementById(details.getAttribute('aria-controls')!)!;
    expect(verdict.textContent).toContain(PROBLEM.what);
    expect(verdict.textContent).toContain(PROBLEM.why);
    fireEvent.click(screen.getByRole('button', { name: 'Use this machine' }));
    expect(store.chosen).toEqual(['local']);
    fireEvent.click(details);
    expect(verdict.hidden).toBe(true);
  });
});

describe('a cluster that is gone for good', () => {
  function away(): FakeStore {
    const store = onCluster({ problem: PROBLEM, since: 1_800_000_000 });
    store.serving = { ...store.serving!, backend: 'local', source: 'local' };
    mount(store);
    fireEvent.click(screen.getByRole('button', { name: 'Details of team-a on gpu-lab' }));
    return store;
  }

  async function ask(answer: string): Promise<string | null> {
    await click(screen.getByRole('button', { name: 'Forget…' }));
    const dialog = await waitFor(() => document.querySelector('.jp-Dialog')!);
    const button = [...dialog.querySelectorAll('button')].find(
      each => each.textContent === answer
    )!;
    const text = dialog.textContent;
    await click(button);
    return text;
  }

  test('is forgotten, after a question that says what is not touched', async () => {
    const store = away();
    expect(await ask('Forget')).toMatch(/Nothing on the cluster is touched/);
    await waitFor(() => expect(store.forgotten).toEqual(['k8s']));
  });

  test('stays when the answer is no', async () => {
    const store = away();
    await ask('Cancel');
    await waitFor(() => expect(document.querySelector('.jp-Dialog')).toBeNull());
    expect(store.forgotten).toEqual([]);
  });

  test('stays when the server refuses, which says why', async () => {
    const store = away();
    store.forget = () =>
      Promise.reject(
        new ApiError(400, { what: 'The list cannot be written.', why: '', next_step: '' })
      );
    await ask('Forget');
    expect(await screen.findByText('The list cannot be written.')).toBeTruthy();
  });

  test('is not offered where notebooks still go there', () => {
    mount(onCluster({ problem: PROBLEM }));
    fireEvent.click(screen.getByRole('button', { name: 'Details of team-a on gpu-lab' }));
    expect(screen.queryByRole('button', { name: 'Forget…' })).toBeNull();
  });
});
