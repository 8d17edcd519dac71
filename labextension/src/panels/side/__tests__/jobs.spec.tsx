import { act, fireEvent, screen, within } from '@testing-library/react';
import React from 'react';

import { FakeStore, LOCAL, NOW, row } from '../../../__tests__/fakes';
import { ApiError } from '../../../api';
import { Row } from '../../../generated/wire';
import { Commands } from '../../../tokens';
import * as words from '../../../words';
import { click, focusRow, layOut, mountJobs, names, press, rowOf, typeFilter } from './mounted';

/** Named jobs, the first one newest. */
function jobs(...made: (string | Row)[]): Row[] {
  return made.map((each, at) => {
    const made = typeof each === 'string' ? row(each) : each;
    return { ...made, workload: { ...made.workload, created: NOW - 60 * (at + 1) } };
  });
}

const keysOf = (...ids: string[]) => ({
  keys: ids.map(id => ({ source: 'local', id: `${id}-1` }))
});

beforeAll(layOut);

describe('the list of jobs', () => {
  test('is newest first, each with its state, in the words of people', () => {
    const failed = row('b', { phase: 'Failed' }, 'out of memory in worker 1');
    mountJobs(new FakeStore(jobs('a', failed, 'c')));
    expect(names()).toEqual(['a', 'b', 'c']);
    expect(rowOf('b').textContent).toContain('Failed: out of memory in worker 1');
    expect(within(rowOf('a')).getByRole('img', { name: 'Running' })).toBeTruthy();
  });

  test('has what came while it was mounted', () => {
    const store = new FakeStore([]);
    const Meanwhile = () => {
      React.useLayoutEffect(() => store.setRows(jobs('a')), []);
      return null;
    };
    mountJobs(store, <Meanwhile />);
    expect(names()).toEqual(['a']);
  });

  test('holds 5,000 jobs and draws those in the window', () => {
    const many = jobs(...Array.from({ length: 5000 }, (_, at) => `job-${at}`));
    mountJobs(new FakeStore(many));
    const grid = screen.getByRole('grid');
    expect(grid.getAttribute('aria-rowcount')).toBe('5000');
    expect(names().length).toBeLessThan(40);
    expect(names()[0]).toBe('job-0');
  });

  test('asks verdicts and sparks for the rows on the screen only', () => {
    jest.useFakeTimers();
    const store = new FakeStore(jobs(...Array.from({ length: 300 }, (_, at) => `job-${at}`)));
    mountJobs(store);
    act(() => jest.advanceTimersByTime(200));
    expect(store.looked).toHaveLength(1);
    expect(store.looked[0]!.ids.length).toBeLessThan(40);
    expect(store.looked[0]!.ids[0]).toBe('job-0-1');
    jest.useRealTimers();
  });

  test('paints again only the row that changed', () => {
    const all = jobs('a', 'b', 'c');
    const store = new FakeStore(all);
    mountJobs(store);
    const painted = jest.spyOn(words, 'stateText');
    const next = [{ workload: { ...all[1]!.workload, phase: 'Stopped' } }];
    act(() => store.setRows([all[0]!, ...next, all[2]!]));
    expect(rowOf('b').textContent).toContain('Stopped');
    expect(painted.mock.calls.map(([each]) => each.workload.name)).toEqual(['b']);
    painted.mockRestore();
  });

  test('changes the text of a row at most four times a second, a phase at once', () => {
    jest.useFakeTimers();
    const at = (done: number, phase = 'Running') =>
      jobs(row('a', { phase, progress: { done, total: 100 } }));
    const store = new FakeStore(at(1));
    mountJobs(store);
    const say = (rows: Row[]) => act(() => store.setRows(rows));
    say(at(2));
    expect(rowOf('a').textContent).toContain('2%');
    say(at(3));
    expect(rowOf('a').textContent).toContain('2%');
    act(() => jest.advanceTimersByTime(250));
    expect(rowOf('a').textContent).toContain('3%');
    say(at(3, 'Failed'));
    expect(rowOf('a').textContent).toContain('Failed');
    jest.useRealTimers();
  });

  test('shows hostile names as text', () => {
    const hostile = '<img src=x onerror="window.hurt=1"><b>bold</b>';
    const store = new FakeStore(jobs(row('x', { name: hostile, display_name: hostile })));
    const { container } = mountJobs(store);
    expect(names()).toEqual([hostile]);
    expect(container.querySelector('img, .cnai-JobRow-name b')).toBeNull();
  });

  test('shows GPUs of all workers, and the place when there are several', () => {
    const shared = row('a', { resources: { gpu: 0.5 }, replicas: [{ rank: 0 }, { rank: 1 }] });
    const other = { id: 'k8s', name: 'kubernetes', place: 'team-a on gpu-lab' };
    const store = new FakeStore(jobs(shared), [{ id: 'local', name: 'local' }, other]);
    const { model } = mountJobs(store);
    expect(rowOf('a').textContent).toContain('1\u00a0GPU');
    fireEvent.click(rowOf('a').querySelector('.cnai-JobRow-place')!);
    expect(model.state.query.source).toBe('local');
    expect(screen.getByText(/Only jobs on This machine/)).toBeTruthy();
  });

  test('a workload that the SDK did not make is read-only', () => {
    mountJobs(new FakeStore(jobs(row('theirs', { managed: false }))));
    focusRow('theirs');
    expect(rowOf('theirs').textContent).toContain('read-only');
    expect(within(rowOf('theirs')).queryByRole('button', { name: 'Stop' })).toBeNull();
  });
});

describe('filter and sort', () => {
  test('by words of the name, and says how many do not match', () => {
    mountJobs(new FakeStore(jobs('digits', 'other', 'digits-2')));
    typeFilter('digi');
    expect(names()).toEqual(['digits', 'digits-2']);
    expect(document.querySelector('mark')?.textContent).toBe('digi');
    expect(screen.getByText(/1 more does not match/)).toBeTruthy();
    typeFilter('nothing like it');
    expect(names()).toEqual([]);
    expect(screen.getByText(/3 jobs do not match/)).toBeTruthy();
    fireEvent.click(screen.getAllByRole('button', { name: 'Clear the filter' }).pop()!);
    expect(names()).toHaveLength(3);
  });

  test('by phase', () => {
    mountJobs(new FakeStore(jobs('a', row('b', { phase: 'Failed' }))));
    fireEvent.change(screen.getByRole('combobox', { name: 'Phase' }), {
      target: { value: 'Failed' }
    });
    expect(names()).toEqual(['b']);
  });

  test('by name, with numbers as numbers, and by phase', () => {
    const { model } = mountJobs(
      new FakeStore(jobs('run-10', row('run-9', { phase: 'Queued' }), 'alpha'))
    );
    act(() => model.narrow({ sort: 'name' }));
    expect(names()).toEqual(['alpha', 'run-9', 'run-10']);
    act(() => model.narrow({ sort: 'phase' }));
    expect(names()).toEqual(['run-9', 'run-10', 'alpha']);
  });

  test('Escape clears the filter', () => {
    mountJobs(new FakeStore(jobs('a', 'b')));
    typeFilter('b');
    fireEvent.keyDown(screen.getByRole('textbox'), { key: 'Escape' });
    expect(names()).toEqual(['a', 'b']);
  });

  test('the number of matches is said after half a second', () => {
    jest.useFakeTimers();
    const { announcer } = mountJobs(new FakeStore(jobs('a', 'b')));
    const said = jest.spyOn(announcer, 'say');
    typeFilter('b');
    expect(said).not.toHaveBeenCalled();
    act(() => jest.advanceTimersByTime(500));
    expect(said).toHaveBeenCalledWith('1 job matches');
    jest.useRealTimers();
  });
});

describe('while somebody points at the list', () => {
  test('new jobs wait behind their number', () => {
    const old = jobs('b', 'c');
    const store = new FakeStore(old);
    mountJobs(store);
    fireEvent.mouseEnter(screen.getByRole('grid'));
    act(() => store.setRows([row('a', { created: NOW }), ...old]));
    expect(names()).toEqual(['b', 'c']);
    fireEvent.click(screen.getByRole('button', { name: '1 new' }));
    expect(names()).toEqual(['a', 'b', 'c']);
    expect(screen.queryByRole('button', { name: '1 new' })).toBeNull();
  });

  test('which nobody does any more when its last job was deleted', () => {
    const store = new FakeStore(jobs('a'));
    mountJobs(store);
    fireEvent.mouseEnter(screen.getByRole('grid'));
    focusRow('a');
    act(() => store.setRows([]));
    const first = row('b');
    act(() => store.setRows([first]));
    act(() => store.setRows([row('c', { created: NOW }), first]));
    expect(names()).toEqual(['c', 'b']);
  });

  test('the same while it has the focus or is scrolled; they come when nobody does', () => {
    const old = jobs('b', 'c');
    const store = new FakeStore(old);
    mountJobs(store);
    const grid = screen.getByRole('grid');
    focusRow('b');
    act(() => store.setRows([row('a', { created: NOW }), ...old]));
    expect(names()).toEqual(['b', 'c']);
    grid.scrollTop = 10;
    fireEvent.scroll(grid);
    act(() => rowOf('b').blur());
    expect(names()).toEqual(['b', 'c']);
    grid.scrollTop = 0;
    fireEvent.scroll(grid);
    expect(names()).toEqual(['a', 'b', 'c']);
  });

  test('a row that no longer matches stays until the pointer leaves', () => {
    const store = new FakeStore(jobs('a', 'b'));
    const { model } = mountJobs(store);
    act(() => model.narrow({ phase: 'Running' }));
    fireEvent.mouseEnter(screen.getByRole('grid'));
    act(() => store.setRows(jobs(row('a', { phase: 'Succeeded' }), 'b')));
    expect(names()).toEqual(['a', 'b']);
    fireEvent.mouseLeave(screen.getByRole('grid'));
    expect(names()).toEqual(['b']);
  });

  test('a sort by phase does not reorder', () => {
    const store = new FakeStore(jobs(row('a', { phase: 'Starting' }), 'b'));
    const { model } = mountJobs(store);
    act(() => model.narrow({ sort: 'phase' }));
    fireEvent.mouseEnter(screen.getByRole('grid'));
    act(() => store.setRows(jobs(row('a', { phase: 'Failed' }), 'b')));
    expect(names()).toEqual(['a', 'b']);
    fireEvent.mouseLeave(screen.getByRole('grid'));
    expect(names()).toEqual(['b', 'a']);
  });
});

describe('the keyboard in the list', () => {
  const open = () => {
    const store = new FakeStore(jobs('alpha', 'beta', 'gamma'));
    return { store, ...mountJobs(store) };
  };
  const focused = () => document.activeElement?.querySelector('.cnai-JobRow-name')?.textContent;

  test('a row that was opened leaves the focus where it went: no drawing takes it back', async () => {
    const all = jobs('alpha', 'beta');
    const store = new FakeStore(all);
    mountJobs(store);
    await click(rowOf('alpha'));
    await click(rowOf('alpha'));
    expect(focused()).toBe('alpha');
    const elsewhere = screen.getByRole('textbox', { name: 'Filter jobs' });
    act(() => elsewhere.focus());
    act(() => store.setRows(all.slice(0, 1)));
    act(() => store.setRows(all));
    expect(document.activeElement).toBe(elsewhere);
  });

  test('one row is reached by Tab; arrows, Home and End move', () => {
    open();
    expect(document.querySelectorAll('[role="row"][tabindex="0"]')).toHaveLength(1);
    focusRow('alpha');
    press('ArrowDown');
    expect(focused()).toBe('beta');
    press('End');
    expect(focused()).toBe('gamma');
    press('Home');
    expect(focused()).toBe('alpha');
    expect(document.querySelectorAll('[role="row"][tabindex="0"]')).toHaveLength(1);
  });

  test('typing finds, Enter opens', () => {
    const { called } = open();
    focusRow('alpha');
    press('g');
    expect(focused()).toBe('gamma');
    press('Enter');
    expect(called).toHaveBeenCalledWith(Commands.open, { source: 'local', id: 'gamma-1' });
  });

  test('Space selects, Shift with arrows extends, Ctrl+A selects all that match, Escape none', () => {
    open();
    focusRow('alpha');
    press(' ');
    expect(screen.getByText('1 selected')).toBeTruthy();
    expect(rowOf('alpha').getAttribute('aria-selected')).toBe('true');
    press('ArrowDown', { shiftKey: true });
    expect(screen.getByText('2 selected')).toBeTruthy();
    press('a', { ctrlKey: true });
    expect(screen.getByText('3 selected')).toBeTruthy();
    press('Escape');
    expect(screen.queryByText(/selected/)).toBeNull();
  });

  test('Delete asks for those that are selected', () => {
    const { called } = open();
    focusRow('alpha');
    press('ArrowDown');
    press(' ');
    press('ArrowDown', { shiftKey: true });
    press('Delete');
    expect(called).toHaveBeenCalledWith(Commands.delete, keysOf('beta', 'gamma'));
  });

  test('after a delete the next row has the focus', () => {
    const { store } = open();
    focusRow('beta');
    act(() => store.setRows(jobs('alpha', 'gamma')));
    expect(focused()).toBe('gamma');
    act(() => store.setRows(jobs('alpha')));
    expect(focused()).toBe('alpha');
  });

  test('the focus is not taken from elsewhere', () => {
    const { store } = open();
    act(() => screen.getByRole('textbox').focus());
    act(() => store.setRows(jobs('alpha', 'gamma')));
    expect(document.activeElement).toBe(screen.getByRole('textbox'));
  });

  test('the right arrow goes into the actions, the left one and Escape come back', () => {
    open();
    focusRow('beta');
    press('ArrowRight');
    expect(document.activeElement?.getAttribute('aria-label')).toBe('Open');
    press('ArrowRight');
    expect(document.activeElement?.getAttribute('aria-label')).toBe('Logs');
    press('Escape');
    expect(document.activeElement).toBe(rowOf('beta'));
  });

  test('a slash goes to the filter', () => {
    open();
    focusRow('beta');
    press('/');
    expect(document.activeElement).toBe(screen.getByRole('textbox', { name: 'Filter jobs' }));
  });
});

describe('what can be done to a job', () => {
  test('its buttons come with the pointer and call commands', () => {
    const { called } = mountJobs(new FakeStore(jobs('a')));
    expect(screen.queryByRole('button', { name: 'Open' })).toBeNull();
    fireEvent.mouseEnter(rowOf('a'));
    const press = (name: string) => fireEvent.click(screen.getByRole('button', { name }));
    const key = { source: 'local', id: 'a-1' };
    press('Open');
    expect(called).toHaveBeenLastCalledWith(Commands.open, key);
    press('Logs');
    expect(called).toHaveBeenLastCalledWith(Commands.logs, { ...key, at: 'logs' });
    press('Copy as a cell');
    expect(called).toHaveBeenLastCalledWith(Commands.copyAsCell, key);
    press('Stop');
    expect(called).toHaveBeenLastCalledWith(Commands.stop, keysOf('a'));
    fireEvent.doubleClick(rowOf('a'));
    expect(called).toHaveBeenLastCalledWith(Commands.open, key);
  });

  test('Stop waits at once, and becomes Run again a second after the end', async () => {
    jest.useFakeTimers();
    const store = new FakeStore(jobs('a'));
    const { called } = mountJobs(store);
    fireEvent.mouseEnter(rowOf('a'));
    const stop = () => screen.getByRole('button', { name: 'Stop' });
    await click(stop());
    expect(stop().getAttribute('aria-disabled')).toBe('true');
    act(() => store.setRows(jobs(row('a', { phase: 'Stopped' }))));
    act(() => jest.advanceTimersByTime(900));
    fireEvent.click(stop());
    expect(called).toHaveBeenCalledTimes(1);
    act(() => jest.advanceTimersByTime(200));
    await click(screen.getByRole('button', { name: 'Run again' }));
    expect(called).toHaveBeenLastCalledWith(Commands.rerun, keysOf('a'));
    jest.useRealTimers();
  });

  test('a refusal is said where it was asked, and the button works again', async () => {
    const { called } = mountJobs(new FakeStore(jobs('a')));
    called.mockRejectedValueOnce(
      new ApiError(409, { what: 'It has ended.', why: '', next_step: 'Look at its page.' })
    );
    fireEvent.mouseEnter(rowOf('a'));
    await click(screen.getByRole('button', { name: 'Stop' }));
    expect(screen.getByRole('alert').textContent).toBe('It has ended. Look at its page.');
    expect(screen.getByRole('button', { name: 'Stop' }).getAttribute('aria-disabled')).toBe(
      'false'
    );
  });

  test('while the server does not answer, actions wait and say why', () => {
    const store = new FakeStore(jobs('a'));
    const { called } = mountJobs(store);
    act(() => store.setConnection('stale'));
    fireEvent.mouseEnter(rowOf('a'));
    const stop = screen.getByRole('button', { name: /^Stop: Waits for the server/ });
    fireEvent.click(stop);
    expect(called).not.toHaveBeenCalled();
    focusRow('a');
    press('Delete');
    expect(called).not.toHaveBeenCalled();
  });

  test('several: only what fits, with its number', () => {
    const all = jobs('a', row('b', { phase: 'Failed' }), row('c', { managed: false }));
    const { called } = mountJobs(new FakeStore(all));
    focusRow('a');
    press('a', { ctrlKey: true });
    const bar = within(screen.getByRole('toolbar', { name: 'Selected jobs' }));
    fireEvent.click(bar.getByRole('button', { name: 'Stop (1)' }));
    expect(called).toHaveBeenLastCalledWith(Commands.stop, keysOf('a'));
    fireEvent.click(bar.getByRole('button', { name: 'Run again (1)' }));
    expect(called).toHaveBeenLastCalledWith(Commands.rerun, keysOf('b'));
    fireEvent.click(bar.getByRole('button', { name: 'Delete… (2)' }));
    expect(called).toHaveBeenLastCalledWith(Commands.delete, keysOf('a', 'b'));
  });

  test('Shift and Ctrl with a click select', () => {
    mountJobs(new FakeStore(jobs('a', 'b', 'c')));
    fireEvent.click(rowOf('a'));
    fireEvent.click(rowOf('c'), { shiftKey: true });
    expect(screen.getByText('3 selected')).toBeTruthy();
    fireEvent.click(rowOf('b'), { ctrlKey: true });
    expect(screen.getByText('2 selected')).toBeTruthy();
    fireEvent.click(screen.getByRole('checkbox', { name: 'Select a' }));
    expect(screen.getByText('1 selected')).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Select none' }));
    expect(screen.queryByText(/selected/)).toBeNull();
  });

  test('what the filter hides is not selected', () => {
    mountJobs(new FakeStore(jobs('a', 'b')));
    focusRow('a');
    press('a', { ctrlKey: true });
    typeFilter('b');
    expect(screen.getByText('1 selected')).toBeTruthy();
  });

  test('the menu of a row holds commands that fit', () => {
    mountJobs(new FakeStore(jobs(row('a', { phase: 'Failed' }))));
    fireEvent.contextMenu(rowOf('a'));
    const labels = [...document.querySelectorAll('.lm-Menu-itemLabel')].map(
      label => label.textContent
    );
    expect(labels.filter(Boolean)).toEqual([
      ...[Commands.open, Commands.logs, Commands.copyAsCell, Commands.rerun, Commands.delete]
    ]);
  });
});

describe('where the place can suspend jobs', () => {
  function open(...rows: ReturnType<typeof row>[]): FakeStore {
    const store = new FakeStore(rows, [{ ...LOCAL, suspend: true }]);
    mountJobs(store);
    return store;
  }
  const labels = () =>
    [...document.querySelectorAll('.lm-Menu-itemLabel')].map(each => each.textContent);

  test('the menu of a row suspends it, and lets it go on', () => {
    open(row('a'), row('b', { phase: 'Queued', suspended: true }));
    fireEvent.contextMenu(rowOf('a'));
    expect(labels()).toContain(Commands.suspend);
    expect(labels()).not.toContain(Commands.resume);
    press('Escape');
    document.querySelectorAll('.lm-Menu').forEach(menu => menu.remove());
    fireEvent.contextMenu(rowOf('b'));
    expect(labels()).toContain(Commands.resume);
    expect(labels()).not.toContain(Commands.suspend);
  });

  test('several are suspended at once, and of them those that can be', () => {
    const store = new FakeStore(
      [row('a'), row('b'), row('c', { phase: 'Failed' })],
      [{ ...LOCAL, suspend: true }]
    );
    const { called } = mountJobs(store);
    focusRow('a');
    press('a', { ctrlKey: true });
    fireEvent.click(screen.getByRole('button', { name: 'Suspend (2)' }));
    expect(called.mock.calls[0]).toEqual([
      Commands.suspend,
      { keys: ['a-1', 'b-1'].map(id => ({ source: 'local', id })) }
    ]);
    expect(screen.queryByRole('button', { name: /Resume/ })).toBeNull();
  });
});

describe('when there is nothing to list', () => {
  test('nothing for 300 ms, then that it loads', () => {
    jest.useFakeTimers();
    const store = new FakeStore();
    store.setPlace({ loaded: false });
    const { container } = mountJobs(store);
    expect(container.textContent).toBe('');
    act(() => jest.advanceTimersByTime(300));
    expect(container.textContent).toBe('Loading jobs');
    act(() => store.setPlace({ loaded: true }));
    expect(container.textContent).toContain('Nothing has run yet');
    jest.useRealTimers();
  });

  test('a line to type, which can be inserted, and an example', () => {
    const { called } = mountJobs(new FakeStore());
    expect(screen.getByText(/cnai\.train\(fn, workers=2\)/)).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Insert as a cell' }));
    expect(called).toHaveBeenLastCalledWith(Commands.insertExample, {});
    fireEvent.click(screen.getByRole('button', { name: 'Open an example' }));
    expect(called).toHaveBeenLastCalledWith(Commands.openExample, {});
  });
});
