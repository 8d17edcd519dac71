import { nullTranslator } from '@jupyterlab/translation';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { Sanitizer } from '@jupyterlab/apputils';
import { Toolbar } from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import { Widget } from '@lumino/widgets';
import { act, cleanup, fireEvent, render, screen, within } from '@testing-library/react';
import * as React from 'react';

import { FakeOpenJob, FakeStore, LOCAL, NOW, row } from '../../../__tests__/fakes';
import { Diagnosis, Job, LogLine, Metric, Workload } from '../../../generated/wire';
import { Commands, IKey } from '../../../tokens';
import { JobModel } from '../model';
import { JobPage } from '../page';
import { IServices } from '../services';
import { addTools, StopOrRerun, SuspendOrResume } from '../toolbar';

interface IPlot {
  options: uPlot.Options;
  data: uPlot.AlignedData;
}

const plots: IPlot[] = [];

jest.mock('uplot', () => {
  class FakePlot {
    constructor(
      readonly options: uPlot.Options,
      public data: uPlot.AlignedData
    ) {
      plots.push(this);
    }
    setData(data: uPlot.AlignedData): void {
      this.data = data;
    }
    valToPos = (value: number): number => value;
    setCursor(): void {}
    setSize(): void {}
    redraw(): void {}
    destroy(): void {
      plots.splice(plots.indexOf(this), 1);
    }
  }
  return { __esModule: true, default: FakePlot };
});

const KEY: IKey = { source: 'local', id: 'digits-1' };
const trans = nullTranslator.load('cnai_lab');
const OOM: Diagnosis = {
  id: 'OOM_KILLED',
  short: 'out of memory',
  happened: 'Worker 1 ran out of memory.',
  why: 'It needed more than its 8 GiB.',
  fix: 'Ask for more memory:',
  code: 'job.rerun(memory="16Gi")',
  changes: { memory: '16Gi' },
  rank: 1,
  evidence: [
    { where: 'worker 0, line 4', text: 'Connection closed', root: false, rank: 0, line: 4 },
    { where: 'worker 1, line 3', text: 'rss 8.0 GiB', rank: 1, line: 3 },
    { where: 'event', text: 'OOMKilled' }
  ]
};

function metrics(...values: Metric['values'][]): Metric[] {
  return values.map((each, n) => ({ values: each, step: n + 1 }));
}

describe('the page of a job', () => {
  let store: FakeStore;
  let model: JobModel;
  let services: IServices;
  const opened: IKey[] = [];
  const close = jest.fn();
  const frames: FrameRequestCallback[] = [];

  beforeAll(() => {
    Object.defineProperties(HTMLElement.prototype, {
      clientHeight: { configurable: true, get: () => 300 },
      clientWidth: { configurable: true, get: () => 600 }
    });
    globalThis.ResizeObserver = class {
      observe(): void {}
      unobserve(): void {}
      disconnect(): void {}
    };
    globalThis.requestAnimationFrame = frame => frames.push(frame);
    globalThis.cancelAnimationFrame = () => undefined;
  });

  afterEach(() => {
    cleanup();
    model.dispose();
    jest.useRealTimers();
  });

  /** All that waits for a frame is painted, and what it asked for has been answered. */
  async function settle(): Promise<void> {
    for (let round = 0; round < 4; round++) {
      await act(async () => {
        await Promise.resolve();
        frames.splice(0).forEach(frame => frame(0));
      });
    }
  }

  async function show(of: Partial<Workload> = {}, job: Partial<Job> | null = {}): Promise<void> {
    const shown = row('digits', of);
    store = new FakeStore([shown, row('base', { metrics: { loss: 1 } })]);
    model = new JobModel(store, KEY, () => 20_000);
    const sanitizer = new Sanitizer();
    services = {
      store,
      commands: new CommandRegistry(),
      rendermime: { sanitizer } as unknown as IRenderMimeRegistry,
      trans,
      logLines: () => 20_000,
      notebookPath: name => Promise.resolve(name),
      open: key => void opened.push(key)
    };
    render(<JobPage {...{ model, services, close }} />);
    if (job) {
      (store.opened[0] as FakeOpenJob).set({ job: { row: shown, ...job } });
    }
    await settle();
  }

  async function print(lines: LogLine[], done = false): Promise<void> {
    const feed = store.feeds[store.feeds.length - 1]!;
    act(() => feed.lines.emit({ lines, done }));
    await settle();
  }

  const log = (): HTMLElement => screen.getByRole('log');
  /** The log as a page has it that lays it out: so many pixels of lines, 300 of them in sight. */
  const logOf = (scrollHeight: number): HTMLElement => {
    const node = log();
    Object.defineProperties(node, {
      scrollHeight: { configurable: true, value: scrollHeight },
      clientHeight: { configurable: true, value: 300 }
    });
    return node;
  };
  const linesShown = (): string[] =>
    [...log().querySelectorAll('.cnai-JobLog-text')].map(each => each.textContent ?? '');

  describe('says how the job stands', () => {
    it('running: phase, name, resources, origin and progress', async () => {
      await show({
        progress: { done: 12, total: 30, unit: 'epoch', since: NOW - 72 },
        replicas: [{ rank: 0 }, { rank: 1 }],
        resources: { cpu: 2 },
        origin: { notebook: 'churn/digits.ipynb', cell: 'cell [4]' }
      });
      expect(screen.getByRole('heading', { level: 2 }).textContent).toBe('Runningdigits');
      const head = document.querySelector('.cnai-JobHead')!.textContent;
      expect(head).toContain('2 workers × 2\u00a0CPU');
      expect(head).toContain('from churn/digits.ipynb, cell [4]');
      expect(screen.getByRole('progressbar').getAttribute('aria-valuenow')).toBe('40');
      expect(screen.getByText(/about .* left/)).toBeTruthy();
    });

    it('its pace by what this run has done, and not by what was done before it', async () => {
      await show({
        progress: { done: 13, total: 30, unit: 'epoch', since: NOW - 3, begun: 12 }
      });
      expect(screen.getByText('43% · about 1 m left')).toBeTruthy();
    });

    it.each(['Queued', 'Starting', 'Succeeded', 'Failed', 'Stopped', 'Ready'])(
      '%s',
      async phase => {
        await show({ phase, ended: NOW });
        expect(screen.getByRole('heading', { level: 2 }).textContent).toContain(phase);
      }
    );

    it('with a phase that this page does not know', async () => {
      await show({ phase: 'Hibernating' });
      expect(screen.getByRole('heading', { level: 2 }).textContent).toContain('Unknown');
    });

    it('deleted while it is open, with a button that closes', async () => {
      await show();
      act(() => store.setRows([]));
      await settle();
      expect(screen.getByText('This job was deleted.')).toBeTruthy();
      fireEvent.click(screen.getByText('Close this page'));
      expect(close).toHaveBeenCalled();
    });

    it('just made, which the list does not have yet', async () => {
      await show({}, null);
      cleanup();
      model = new JobModel(store, { source: 'local', id: 'made-1' }, () => 20_000);
      render(<JobPage {...{ model, services, close }} />);
      await settle();
      expect(screen.queryByText('This job was deleted.')).toBeNull();
      store.opened[1]!.set({ job: { row: row('made') } });
      await settle();
      expect(screen.getByRole('heading', { level: 2 }).textContent).toContain('made');
    });

    it('deleted before it was opened', async () => {
      await show({}, null);
      act(() => store.setRows([]));
      cleanup();
      model = new JobModel(store, KEY, () => 20_000);
      render(<JobPage {...{ model, services, close }} />);
      store.opened[1]!.set({ problem: { what: 'There is no job with the id digits-1.' } });
      await settle();
      expect(screen.getByText('This job was deleted.')).toBeTruthy();
    });

    it('refused by the server', async () => {
      await show({}, null);
      store.opened[0]!.set({ problem: { what: 'You may not see it.' } });
      await settle();
      expect(screen.getByText('You may not see it.')).toBeTruthy();
    });

    it('while nothing is heard: as of when, and a button', async () => {
      await show();
      act(() => store.setConnection('stale'));
      await settle();
      expect(screen.getByText(/Reconnecting · as of/)).toBeTruthy();
      fireEvent.click(screen.getByText('Retry'));
      expect(store.retries).toBe(1);
    });

    it('with hostile words as text', async () => {
      await show(
        { display_name: '<img src=x onerror=alert(1)>\u202e', origin: { notebook: '<b>.ipynb' } },
        {
          events: [{ reason: '<script>x</script>', message: '<i>\x1b[2J' }],
          metrics: metrics({ '<img src=y>': 1 })
        }
      );
      expect(document.querySelector('img, b, i:not(.cnai-JobProgress i), script')).toBeNull();
      expect(document.body.textContent).toContain('<img src=x onerror=alert(1)>⟨U+202E⟩');
    });
  });

  describe('has a verdict', () => {
    beforeEach(async () => {
      await show({ phase: 'Failed', ended: NOW }, { diagnosis: OOM });
    });

    it('whose one button runs it again with the changes', async () => {
      store.answer = () => ({ made: [row('digits-2').workload] });
      fireEvent.click(screen.getByText('Run again with memory="16Gi"'));
      await settle();
      expect(store.acts).toEqual([
        { source: 'local', act: { do: 'rerun', ids: [KEY.id], changes: { memory: '16Gi' } } }
      ]);
      fireEvent.click(screen.getByText('Open its page'));
      expect(opened.slice(-1)).toEqual([{ source: 'local', id: 'digits-2-1' }]);
    });

    it('that suspends, and resumes what is suspended, where the place can', async () => {
      await show();
      cleanup();
      render(<SuspendOrResume {...{ model, services }} />);
      await settle();
      const button = (): HTMLElement | null => document.querySelector('jp-button');
      expect(button()).toBeNull();
      act(() => store.setPlace({ source: { ...LOCAL, suspend: true } }));
      await settle();
      expect(button()!.textContent).toBe('Suspend');
      fireEvent.click(button()!, { button: 0 });
      expect(store.acts[0]!.act).toEqual({ do: 'suspend', ids: [KEY.id] });
      const paused = row('digits', { phase: 'Queued', suspended: true, seq: 9 });
      act(() => store.setRows([paused]));
      await settle();
      expect(button()!.textContent).toBe('Resume');
      fireEvent.click(button()!, { button: 0 });
      expect(store.acts[1]!.act).toEqual({ do: 'resume', ids: [KEY.id] });
      act(() => store.setRows([row('digits', { phase: 'Stopped', suspended: true, seq: 10 })]));
      await settle();
      expect(button()).toBeNull();
    });

    it('whose refusal is said on the page', async () => {
      store.answer = () => ({ refused: [{ id: KEY.id, problem: { what: 'No room.' } }] });
      fireEvent.click(screen.getByText('Run again with memory="16Gi"'));
      await settle();
      expect(screen.getByRole('alert').textContent).toContain('No room.');
    });

    it('with the root first and consequences last, in grey', () => {
      const lines = [...document.querySelectorAll('.cnai-JobEvidence li')];
      expect(lines.map(line => line.firstChild!.textContent)).toEqual([
        'worker 1, line 3',
        'event',
        'worker 0, line 4'
      ]);
      expect(lines[2]!.className).toBe('cnai-mod-consequence');
      expect(lines[1]!.querySelector('button')).toBeNull();
    });

    it('to which the log opens, and whose links scroll it', async () => {
      const brought = jest.fn();
      log().scrollIntoView = brought;
      store.page = () => ({ lines: many(1, 400), first: true, last: true });
      await act(() => model.book.goTo(3));
      await settle();
      expect(log().querySelector('[aria-current]')!.textContent).toContain('line 3');
      expect(brought).not.toHaveBeenCalled(); // the page opens with its verdict in sight
      fireEvent.click(screen.getByText('worker 0, line 4'));
      await settle();
      expect(brought).toHaveBeenCalled();
      expect(log().querySelector('[aria-current]')!.textContent).toContain('line 4');
      Object.defineProperty(log(), 'scrollHeight', { value: 400 * 17 });
      model.show({ line: 300, rank: 0 });
      await settle();
      expect(log().scrollTop).toBeGreaterThan(299 * 17 - 300);
      expect(log().scrollTop).toBeLessThan(299 * 17);
    });

    it('without a button where nothing can be changed', async () => {
      cleanup();
      await show({ phase: 'Failed' }, { diagnosis: { ...OOM, changes: {} } });
      expect(screen.queryByText(/Run again with/)).toBeNull();
    });
  });

  describe('draws metrics', () => {
    it('one chart each, with a gap at NaN, which is written so', async () => {
      await show({}, { metrics: metrics({ loss: 3, acc: 0 }, { loss: 'NaN' }, { loss: 1 }) });
      expect(plots).toHaveLength(2);
      expect(plots[0]!.data).toEqual([
        [1, 2, 3],
        [3, null, 1]
      ]);
      expect(screen.getByText('NaN or infinite')).toBeTruthy();
    });

    it('as they come', async () => {
      const first = metrics({ loss: 3 });
      await show({}, { metrics: first });
      const all = metrics({ loss: 3 }, { loss: 2 });
      store.opened[0]!.set({ job: { row: row('digits'), metrics: all } });
      await settle();
      expect(plots[0]!.data).toEqual([
        [1, 2],
        [3, 2]
      ]);
    });

    it('beside one of the newest jobs, and says how many older ones are not offered', async () => {
      await show({}, { metrics: metrics({ loss: 3 }) });
      const offered = (): string[] =>
        [...screen.getByLabelText('Compare with another job').querySelectorAll('option')].map(
          each => each.textContent
        );
      expect(offered()).toHaveLength(2);
      const many = Array.from({ length: 203 }, (_, n) =>
        row(`run-${n}`, { metrics: { loss: 1 }, created: NOW - n })
      );
      act(() => store.setRows([row('digits'), ...many]));
      await settle();
      expect(offered()).toHaveLength(202);
      expect(offered()[1]).toContain('run-0');
      expect(offered().pop()).toBe('3 older jobs are not listed');
    });

    it('beside another job, dashed', async () => {
      await show({}, { metrics: metrics({ loss: 3 }, { loss: 2 }) });
      fireEvent.change(screen.getByLabelText('Compare with another job'), {
        target: { value: 'local/base-1' }
      });
      await settle();
      const other = store.opened[1]!;
      expect(other.id).toBe('base-1');
      act(() => other.set({ job: { row: row('base'), metrics: metrics({ loss: 9 }) } }));
      await settle();
      expect(plots[0]!.data).toEqual([
        [1, 2],
        [3, 2],
        [9, undefined]
      ]);
      expect(plots[0]!.options.series[2]!.dash).toEqual([4, 3]);
      fireEvent.click(screen.getByLabelText('Stop comparing'));
      await settle();
      expect(other.isDisposed).toBe(true);
      expect(plots[0]!.data).toHaveLength(2);
    });

    it('on a log scale', async () => {
      await show({}, { metrics: metrics({ loss: 3 }, { loss: 0 }) });
      fireEvent.click(screen.getByText('Log scale'));
      expect(plots[0]!.options.scales!.y!.distr).toBe(3);
      expect(plots[0]!.data[1]).toEqual([3, null]);
    });

    it('which the keyboard reads, zooms and shows as a table', async () => {
      await show({}, { metrics: metrics({ loss: 4 }, { loss: 'NaN' }, { loss: 2 }, { loss: 1 }) });
      const chart = screen.getByLabelText(/^Chart of loss/);
      fireEvent.keyDown(chart, { key: 'ArrowRight' });
      fireEvent.keyDown(chart, { key: 'ArrowRight' });
      expect(screen.getByText('step 2: NaN')).toBeTruthy();
      fireEvent.keyDown(chart, { key: 'End' });
      expect(screen.getByText('step 4: 1')).toBeTruthy();
      fireEvent.keyDown(chart, { key: 'ArrowRight', shiftKey: true });
      expect(screen.getByText('Reset the zoom')).toBeTruthy();
      fireEvent.keyDown(chart, { key: '0' });
      expect(screen.queryByText('Reset the zoom')).toBeNull();
      fireEvent.keyDown(chart, { key: 't' });
      const table = screen.getByRole('region', { name: 'Table of values' });
      expect(within(table).getByText('NaN')).toBeTruthy();
      expect(document.activeElement).toBe(table);
      fireEvent.keyDown(table, { key: 'Escape' });
      expect(screen.queryByRole('region', { name: 'Table of values' })).toBeNull();
    });

    it('and the memory of workers, with its limit, where the verdict is about memory', async () => {
      const using = (memory: number): Partial<Workload> => ({
        granted: { memory: 8 * 2 ** 30 },
        replicas: [
          { rank: 0, memory: memory / 2 },
          { rank: 1, memory }
        ]
      });
      await show(using(2 ** 31));
      store.now = () => NOW + 5;
      const failed = row('digits', { ...using(2 ** 32), phase: 'Failed', seq: 9 });
      act(() => store.opened[0]!.set({ job: { row: failed, diagnosis: OOM } }));
      await settle();
      expect(screen.getByText('memory, GiB')).toBeTruthy();
      expect(plots[0]!.data).toEqual([
        [72, 77],
        [2, 4],
        [1, 2]
      ]);
    });

    it('a dozen at first, of a job that reports very many', async () => {
      const values = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`m${n}`, n]));
      await show({}, { metrics: metrics(values) });
      expect(plots).toHaveLength(12);
      fireEvent.click(screen.getByText('Show 28 more'));
      expect(plots).toHaveLength(40);
    });
  });

  function many(from: number, to: number): LogLine[] {
    return Array.from({ length: to - from + 1 }, (_, n) => ({
      number: from + n,
      text: `line ${from + n}`
    }));
  }

  describe('shows the log', () => {
    it('at its end, of many lines only those on the screen', async () => {
      await show();
      await print(many(501, 1000));
      expect(linesShown().length).toBeGreaterThan(20);
      expect(linesShown().length).toBeLessThan(100);
      expect(screen.getByLabelText('Follow the end').getAttribute('aria-pressed')).toBe('true');
    });

    it('still while someone reads further up, until Follow', async () => {
      await show();
      await print(many(1, 500));
      const node = logOf(8500);
      node.scrollTop = 3000;
      fireEvent.scroll(node);
      await settle();
      expect(screen.getByLabelText('Follow the end').getAttribute('aria-pressed')).toBe('false');
      await print(many(501, 520));
      expect(node.scrollTop).toBe(3000);
      fireEvent.click(screen.getByText('Follow'));
      await settle();
      expect(node.scrollTop).toBe(8500);
      node.scrollTop = 3000;
      fireEvent.scroll(node);
      fireEvent.keyDown(node, { key: 'End' });
      await settle();
      expect(screen.queryByText('Follow')).toBeNull();
      await print([], true);
      node.scrollTop = 3000;
      fireEvent.scroll(node);
      await settle();
      expect(screen.queryByText('Follow')).toBeNull(); // which it cannot do any more
      expect(screen.getByText('To the end')).toBeTruthy();
    });

    it('pages back, keeping the line that is read where it is', async () => {
      await show();
      await print(many(501, 1000));
      store.page = () => ({ lines: many(1, 500), first: true });
      const node = logOf(8500);
      node.scrollTop = 170;
      fireEvent.scroll(node);
      await settle();
      expect(node.scrollTop).toBe(170 + 500 * 17);
    });

    it('at its top by Home at once, since steps would go on over each page that comes', async () => {
      await show();
      await print(many(501, 1000));
      store.page = () => ({ lines: many(1, 500), first: true });
      const node = logOf(8500);
      node.scrollTop = 8200;
      expect(fireEvent.keyDown(node, { key: 'Home' })).toBe(false);
      expect(node.scrollTop).toBe(0);
      fireEvent.scroll(node);
      await settle();
      expect(node.scrollTop).toBe(500 * 17);
    });

    it('a page at a time, also when it scrolls before what came is drawn', async () => {
      await show();
      await print(many(1001, 1500));
      const asked: number[] = [];
      store.page = from => {
        asked.push(from.before!);
        return { lines: many(from.before! - 500, from.before! - 1) };
      };
      const node = logOf(17000);
      node.scrollTop = 0;
      node.dispatchEvent(new Event('scroll'));
      for (let turn = 0; turn < 20; turn++) {
        await Promise.resolve();
      }
      node.dispatchEvent(new Event('scroll'));
      await settle();
      expect(node.scrollTop).toBe(500 * 17);
      expect(asked).toEqual([1001]);
    });

    it('of one worker', async () => {
      await show({ replicas: [{ rank: 0 }, { rank: 1 }] });
      fireEvent.click(screen.getByLabelText('Worker 1'));
      await settle();
      expect(store.feeds.slice(-1)[0]!.from.rank).toBe(1);
      expect(screen.getByLabelText('Download the log').getAttribute('href')).toContain('rank=1');
    });

    it('with what is hostile as text, and colours by the renderer', async () => {
      await show();
      await print([
        {
          number: 1,
          text: '\x1b]8;;http://evil\x07click\x1b]8;;\x07 \u202e<img src=x onerror=e()>'
        },
        { number: 2, text: '\x1b[31m<script>e()</script><img src=x>\x1b[0m\x1b[2J\x1b[5A ok' },
        { number: 3, text: '10%\r20%' }
      ]);
      expect(linesShown()).toEqual([
        'click ⟨U+202E⟩<img src=x onerror=e()>',
        '<script>e()</script><img src=x> ok',
        '20%'
      ]);
      expect(log().querySelector('img, script, a')).toBeNull();
      expect(log().querySelector('.ansi-red-fg')!.textContent).toContain('<script>');
    });

    it('searches it on the server, and steps through what was found', async () => {
      await show();
      await print([
        { number: 1, text: 'memory low' },
        { number: 2, text: '\x1b[32mMemory\x1b[0m high' }
      ]);
      const asked: unknown[] = [];
      store.matches = of => (asked.push(of), { numbers: [1, 2], total: 2, complete: true });
      model.search();
      await settle();
      const box = screen.getByLabelText('Search the logs');
      expect(document.activeElement).toBe(box);
      jest.useFakeTimers();
      fireEvent.change(box, { target: { value: 'memory' } });
      act(() => void jest.advanceTimersByTime(300));
      jest.useRealTimers();
      await settle();
      expect(asked).toEqual([{ text: 'memory', rank: undefined, after: 0 }]);
      expect([...log().querySelectorAll('mark')].map(mark => mark.textContent)).toEqual([
        'memory',
        'Memory'
      ]);
      const step = async (shiftKey: boolean): Promise<string> => {
        fireEvent.keyDown(box, { key: 'Enter', shiftKey });
        await settle();
        const said = screen.getByText(/of 2/).textContent;
        return `${said}: ${log().querySelector('[aria-current]')!.textContent}`;
      };
      expect(await step(false)).toBe('2 of 2: 20Memory high');
      expect(await step(false)).toBe('1 of 2: 10memory low');
      expect(await step(true)).toBe('2 of 2: 20Memory high');
    });

    it('says when nothing matches, and when nothing was printed', async () => {
      await show();
      await print([], true);
      expect(screen.getByText('Nothing was printed.')).toBeTruthy();
    });
  });

  describe('has details', () => {
    it('of workers, what was granted, events, result and outputs', async () => {
      const of: Partial<Workload> = {
        phase: 'Failed',
        replicas: [
          { rank: 0, phase: 'Stopped', exit_code: 143, memory: 2 ** 30 },
          { rank: 1, phase: 'Failed', exit_code: 137 }
        ],
        granted: { asked: 'memory 8 GiB', memory: 8 * 2 ** 30, how: ['Ended when it exceeds it.'] }
      };
      await show(of, {
        diagnosis: OOM,
        events: Array.from({ length: 9 }, (_, n) => ({
          reason: 'X',
          message: `event ${n}`,
          seq: n
        })),
        result: '{"a": 1}',
        outputs: [{ path: 'a/<b>.pt', size: 2048 }]
      });
      const rows = [...document.querySelectorAll('.cnai-Job-table tbody tr')];
      expect(rows.map(each => each.textContent)).toEqual([
        '0StoppedStopped1 of 8\u00a0GiB143',
        '1FailedFailed, first–137'
      ]);
      expect(screen.getByText('Ended when it exceeds it.')).toBeTruthy();
      expect(screen.queryByText('event 0')).toBeNull();
      fireEvent.click(screen.getByText('2 older events'));
      expect(screen.getByText('event 0')).toBeTruthy();
      expect(screen.queryByText(/not listed here/)).toBeNull();
      expect(screen.getByText('{"a": 1}')).toBeTruthy();
      expect(screen.getByText('a/<b>.pt').closest('a')!.getAttribute('href')).toContain('outputs');
    });

    it('and how much of very much is not there', async () => {
      await show(
        {},
        {
          events: [{ reason: 'X', message: 'newest', seq: 2_007 }],
          outputs: [{ path: 'a.pt', size: 1 }],
          older_events: 7,
          more_outputs: 1
        }
      );
      expect(
        screen.getByText('7 older events are not listed here; job.events() has all.')
      ).toBeTruthy();
      expect(screen.getByText('1 more file is not listed here; job.outputs has all.')).toBeTruthy();
    });

    it('and the script, with the names of secrets only', async () => {
      await show();
      store.scripts = { text: 'print("```")', secrets: ['TOKEN'], env: { A: '1' } };
      services = { ...services, rendermime: null };
      cleanup();
      model.toggleScript();
      render(<JobPage {...{ model, services, close }} />);
      await settle();
      expect(screen.getByText('print("```")')).toBeTruthy();
      expect(screen.getByText('TOKEN')).toBeTruthy();
      expect(screen.getByText('A=1')).toBeTruthy();
    });
  });

  describe('has a button', () => {
    it('that never changes its meaning under the pointer', async () => {
      await show();
      cleanup();
      render(<StopOrRerun {...{ model, services }} />);
      await settle();
      const button = (): HTMLElement => document.querySelector<HTMLElement>('jp-button')!;
      expect(button().textContent).toBe('Stop');
      fireEvent.click(button(), { button: 0 });
      expect(store.acts[0]!.act).toEqual({ do: 'stop', ids: [KEY.id] });
      jest.useFakeTimers();
      act(() => store.setRows([row('digits', { phase: 'Stopped', seq: 9 })]));
      act(() => frames.splice(0).forEach(frame => frame(0)));
      expect(button().textContent).toBe('Stop');
      expect(button().getAttribute('aria-disabled')).toBe('true');
      act(() => void jest.advanceTimersByTime(1000));
      expect(button().textContent).toBe('Run again');
    });

    it('whose refusal is said on the page', async () => {
      await show();
      services.commands.addCommand(Commands.delete, {
        execute: () => ({ refused: [{ id: KEY.id, problem: { what: 'It cannot be deleted.' } }] })
      });
      const toolbar = new Toolbar<Widget>();
      addTools(toolbar, { model, services });
      Widget.attach(toolbar, document.body);
      await settle();
      const bin = [...toolbar.node.querySelectorAll<HTMLElement>('jp-button')].pop()!;
      expect(bin.textContent).toBe('Delete…');
      fireEvent.click(bin, { button: 0 });
      await settle();
      expect(screen.getByRole('alert').textContent).toContain('It cannot be deleted.');
      toolbar.dispose();
    });

    it('of neither sort where the SDK did not make the job', async () => {
      await show({ managed: false });
      cleanup();
      const { container } = render(<StopOrRerun {...{ model, services }} />);
      expect(container.textContent).toBe('');
      expect(services.commands.hasCommand(Commands.stop)).toBe(false);
    });
  });
});
