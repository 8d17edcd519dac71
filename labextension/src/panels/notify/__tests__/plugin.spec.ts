import { JupyterFrontEnd } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { CommandRegistry } from '@lumino/commands';

import { FakeStore, row } from '../../../__tests__/fakes';
import { DEFAULTS } from '../../../settings/values';
import { TOGETHER } from '../announcer';
import { notifyPlugin } from '../plugin';

jest.mock('@jupyterlab/apputils', () => ({
  Notification: { error: jest.fn(), success: jest.fn() }
}));

const error = Notification.error as jest.Mock<string, [string, unknown]>;
const success = Notification.success as jest.Mock<string, [string, unknown]>;

const ENDED = {
  good: row('good', { phase: 'Succeeded' }),
  'also-good': row('also-good', { phase: 'Succeeded' }),
  bad: row('bad', { phase: 'Failed' }),
  worse: row('worse', { phase: 'Failed' }),
  stopped: row('stopped', { phase: 'Stopped' })
};

beforeEach(() => {
  jest.useFakeTimers();
  error.mockClear();
  success.mockClear();
});
afterEach(() => jest.useRealTimers());

/** These jobs end within a moment, for somebody with these settings. */
function end(names: readonly (keyof typeof ENDED)[], wishes: Partial<typeof DEFAULTS> = {}): void {
  const store = new FakeStore(names.map(name => ENDED[name]));
  const app = { commands: new CommandRegistry() } as unknown as JupyterFrontEnd;
  const settings = {
    follow: (told: (now: typeof DEFAULTS) => void) => told({ ...DEFAULTS, ...wishes })
  };
  void notifyPlugin.activate(app, store, null, settings);
  store.entries.forEach(entry => store.ended.emit(entry));
  jest.advanceTimersByTime(TOGETHER);
}

describe('the end of a job', () => {
  test('is told by its name and how it ended; one that was stopped by hand is not', () => {
    end(['good']);
    expect(success.mock.calls).toEqual([[expect.stringContaining('good: '), expect.anything()]]);
    end(['bad']);
    expect(error.mock.calls).toEqual([[expect.stringContaining('bad: '), expect.anything()]]);
    end(['stopped']);
    expect(success.mock.calls.length + error.mock.calls.length).toBe(2);
  });

  test('of several names the one that failed', () => {
    end(['good', 'bad', 'also-good']);
    expect(error.mock.calls[0]![0]).toBe('bad failed, 2 succeeded');
    end(['bad', 'worse', 'good']);
    expect(error.mock.calls[1]![0]).toBe('2 jobs failed, 1 succeeded');
  });

  test('is told as far as the settings say', () => {
    end(['good', 'bad'], { notifySuccess: false });
    expect(success).not.toHaveBeenCalled();
    expect(error.mock.calls[0]![0]).toContain('bad: ');
    end(['good', 'bad'], { notifySuccess: false, notifyFailure: false });
    expect(success.mock.calls.length + error.mock.calls.length).toBe(1);
  });
});
