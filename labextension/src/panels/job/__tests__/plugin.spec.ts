import { JupyterFrontEnd } from '@jupyterlab/application';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { Widget } from '@lumino/widgets';

import { FakeStore, row } from '../../../__tests__/fakes';
import { Commands } from '../../../tokens';
import { JobPages, jobPagePlugin, keyOfLink, linkTo, pathOf } from '../plugin';
import { fill } from '../page';
import { JobTab } from '../widget';

jest.mock('../page', () => ({ fill: jest.fn() }));

const filled = fill as jest.Mock;

const KEY = { source: 'local', id: 'digits-1' };
const trans = nullTranslator.load('cnai_lab');

function labOf(attaches = true): { app: JupyterFrontEnd; activated: string[]; added: Widget[] } {
  const [activated, added]: [string[], Widget[]] = [[], []];
  const shell = {
    add: (widget: Widget, area: string) => {
      expect(area).toBe('main');
      added.push(widget);
      if (attaches) {
        Widget.attach(widget, document.body);
      }
    },
    activateById: (id: string) => activated.push(id)
  };
  const commands = new CommandRegistry();
  const app = { commands, shell, restored: Promise.resolve() } as unknown as JupyterFrontEnd;
  return { app, activated, added };
}

describe('the pages of jobs', () => {
  const store = new FakeStore([row('digits')]);

  beforeAll(() => {
    globalThis.requestIdleCallback = idle => {
      idle({ didTimeout: false, timeRemaining: () => 1 });
      return 0;
    };
    globalThis.ResizeObserver = class {
      observe(): void {}
      unobserve(): void {}
      disconnect(): void {}
    };
  });

  beforeEach(() => {
    document.body.replaceChildren();
    filled.mockReset();
  });

  it('open once a job, by command', async () => {
    const { app, added, activated } = labOf();
    new JobPages(app, store, null, trans).addCommands();
    const first = (await app.commands.execute(Commands.open, KEY)) as JobTab;
    const again = (await app.commands.execute(Commands.open, KEY)) as JobTab;
    expect(again).toBe(first);
    expect(added).toHaveLength(1);
    expect(activated).toEqual([first.id, first.id]);
    expect(first.title.label).toBe('digits');
  });

  it('open at a line of the log, also where the page comes later', async () => {
    const { app } = labOf();
    new JobPages(app, store, null, trans).addCommands();
    const evidence = { line: 36, rank: 1 };
    const tab = (await app.commands.execute(Commands.logs, { ...KEY, evidence })) as JobTab;
    expect(tab.wanted).toEqual({ at: 'logs', line: 36, rank: 1 });
    const shown: unknown[] = [];
    tab.showPlace = place => shown.push(place);
    await app.commands.execute(Commands.logs, { ...KEY });
    expect(shown).toEqual([{ at: 'logs' }]);
  });

  it('load their code when the first one opens', async () => {
    const { app } = labOf();
    const tab = new JobPages(app, store, null, trans).open(KEY);
    expect(filled).not.toHaveBeenCalled();
    await new Promise<void>(resolve => process.nextTick(resolve));
    expect(filled).toHaveBeenCalledWith(tab, expect.objectContaining({ store }));
  });

  it('say so where the code cannot be loaded, and try again', async () => {
    filled.mockImplementationOnce(() => {
      throw new Error('no chunk');
    });
    const tab = new JobPages(labOf().app, store, null, trans).open(KEY);
    await new Promise<void>(resolve => process.nextTick(resolve));
    expect(tab.content.node.textContent).toContain('could not be loaded');
    tab.content.node.querySelector('button')!.click();
    await new Promise<void>(resolve => process.nextTick(resolve));
    expect(filled).toHaveBeenCalledTimes(2);
    expect(tab.content.node.textContent).toBe('');
  });

  it('open in JupyterLab where the shell holds one document only', () => {
    const opened: string[] = [];
    const pages = new JobPages(labOf(false).app, store, null, trans, url => opened.push(url));
    const tab = pages.open(KEY);
    expect(opened).toEqual([linkTo(KEY)]);
    expect(tab.isDisposed).toBe(true);
    expect(pages.tracker.size).toBe(0);
  });

  it.each([[{}], [{ source: 'local' }], [{ source: 'local', id: 7 }], [{ source: '', id: 'x' }]])(
    'are not opened by the arguments %j',
    async args => {
      const { app, added } = labOf();
      new JobPages(app, store, null, trans).addCommands();
      await app.commands.execute(Commands.open, args);
      expect(added).toEqual([]);
    }
  );

  it('are restored by source and id', () => {
    const { app } = labOf();
    const restore = jest.fn<Promise<void>, unknown[]>(() => Promise.resolve());
    void jobPagePlugin.activate(app, store, { restore }, null, null);
    const [, options] = restore.mock.calls[0] as [
      unknown,
      { command: string; args: (tab: JobTab) => unknown; name: (tab: JobTab) => string }
    ];
    const tab = new JobTab(KEY, 'digits');
    expect(options.command).toBe(Commands.open);
    expect(options.args(tab)).toEqual(KEY);
    expect(options.name(tab)).toBe('local/digits-1');
  });
});

describe('the address of a page', () => {
  it('names its job, whatever the names are made of', () => {
    const key = { source: 'team a', id: 'x/../&?#<b>' };
    expect(keyOfLink(new URL(linkTo(key), 'http://localhost').search)).toEqual(key);
  });

  it.each(['', '?reset', '?cnai-job=', '?cnai-job=local', `?cnai-job=local/${'x'.repeat(201)}`])(
    'opens nothing for %s',
    search => expect(keyOfLink(search)).toBeNull()
  );
});

describe('the notebook of a job', () => {
  const open = [{ path: 'a/x.ipynb' }, { path: 'b/y.ipynb' }, { path: 'c/y.ipynb' }];

  it.each([
    ['x.ipynb', 'a/x.ipynb'],
    ['y.ipynb', 'y.ipynb'],
    ['z.ipynb', 'z.ipynb']
  ])('is found by its name %s where only one is open, which is asked first', async (name, path) => {
    let known: typeof open = [];
    const refreshRunning = (): Promise<void> => Promise.resolve().then(() => void (known = open));
    expect(await pathOf(name, { refreshRunning, running: () => known })).toBe(path);
  });

  it('is looked for among those that are known where the server does not answer', async () => {
    const refreshRunning = (): Promise<void> => Promise.reject(new Error('no server'));
    expect(await pathOf('x.ipynb', { refreshRunning, running: () => open })).toBe('a/x.ipynb');
  });
});
