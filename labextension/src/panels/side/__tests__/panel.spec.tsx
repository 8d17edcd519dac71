import { JupyterFrontEnd } from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import { act, fireEvent, screen, waitFor } from '@testing-library/react';

import { FakeStore, NOW, row } from '../../../__tests__/fakes';
import { Commands } from '../../../tokens';
import { CnaiPanel } from '../panel';
import { sidePanelPlugin } from '../plugin';
import { layOut, names, recorded, typeFilter } from './mounted';

let panel: CnaiPanel;

function attach(store: FakeStore, code = 'en'): CnaiPanel {
  const translator: ITranslator = {
    languageCode: code,
    load: domain => nullTranslator.load(domain)
  };
  panel = new CnaiPanel(store, recorded().commands, translator, null);
  act(() => Widget.attach(panel, document.body));
  return panel;
}

const title = (name: string) =>
  [...document.querySelectorAll<HTMLElement>('.jp-AccordionPanel-title')].find(each =>
    each.textContent?.startsWith(name)
  )!;

beforeAll(() => {
  layOut();
  window.requestIdleCallback = work => window.setTimeout(work);
});

afterEach(() => act(() => panel?.dispose()));

describe('the panel', () => {
  test('is a region in the language of the page, with a section each for quota and jobs', () => {
    attach(new FakeStore([row('a')]), 'zh_CN');
    expect(panel.node.lang).toBe('zh-CN');
    expect(screen.getByRole('region', { name: 'Quotas and jobs' })).toBe(panel.node);
    expect(title('Quota').getAttribute('aria-expanded')).toBe('true');
    expect(title('Jobs').getAttribute('aria-expanded')).toBe('true');
    expect(names()).toEqual(['a']);
  });

  test('counts the jobs in the title, those that match of all', () => {
    const store = new FakeStore([row('a'), row('b')]);
    attach(store);
    expect(title('Jobs').textContent).toContain('2');
    typeFilter('a');
    expect(title('Jobs').textContent).toContain('1 of 2');
    typeFilter('');
    act(() => store.setRows([]));
    expect(title('Jobs').textContent).not.toMatch(/\d/);
  });

  test('gone, its sections fold with their time; back, all is as it was', () => {
    const store = new FakeStore([row('a')]);
    attach(store);
    act(() => panel.content.widgets[0]!.hide());
    act(() => store.setConnection('gone'));
    expect(title('Jobs').getAttribute('aria-expanded')).toBe('false');
    expect(title('Jobs').textContent).toMatch(/1, as of \d\d:\d\d/);
    expect(screen.getByRole('alert').textContent).toContain('does not answer');
    act(() => store.setConnection('live'));
    expect(title('Jobs').getAttribute('aria-expanded')).toBe('true');
    expect(panel.content.widgets[0]!.isHidden).toBe(true);
    expect(title('Jobs').textContent).not.toContain('as of');
  });

  test('says ends, and that the connection was lost and is back', async () => {
    const store = new FakeStore([row('a')]);
    attach(store);
    const said = () => document.querySelector('.cnai-Unseen')!.textContent;
    const ended = row('a', { phase: 'Failed' }, 'out of memory in worker 1');
    act(() => store.ended.emit({ source: 'local', id: 'a-1', row: ended }));
    await waitFor(() => expect(said()).toBe('a: Failed: out of memory in worker 1.'));
    jest.useFakeTimers({ now: Date.now() });
    act(() => store.setConnection('stale'));
    act(() => store.setConnection('live'));
    act(() => jest.advanceTimersByTime(5000));
    expect(said()).toBe('Reconnecting. Connected again.');
    jest.useRealTimers();
  });

  test('rests without a word', () => {
    const store = new FakeStore([row('a')]);
    attach(store);
    act(() => store.setConnection('resting'));
    expect(panel.hasClass('cnai-mod-still')).toBe(false);
    act(() => store.setConnection('stale'));
    expect(panel.hasClass('cnai-mod-still')).toBe(true);
  });

  test('disposed, it hears nothing more', () => {
    const store = new FakeStore([row('a')]);
    attach(store);
    act(() => panel.dispose());
    expect(() => store.setRows([row('b', { created: NOW })])).not.toThrow();
  });
});

describe('the plugin', () => {
  test('adds the panel on the left, also in an application that restores no layout', async () => {
    const { commands } = recorded();
    const add = jest.fn();
    const activateById = jest.fn();
    const only = new (commands.constructor as new () => typeof commands)();
    const app = { commands: only, shell: { add, activateById } } as unknown as JupyterFrontEnd;
    await sidePanelPlugin.activate(app, new FakeStore(), null, null, null);
    const [added, area] = add.mock.calls[0] as [CnaiPanel, string];
    panel = added;
    expect(area).toBe('left');
    await only.execute(Commands.showPanel);
    expect(activateById).toHaveBeenCalledWith(added.id);
  });

  test('asks the restorer for its place where there is one', () => {
    const { commands } = recorded();
    const only = new (commands.constructor as new () => typeof commands)();
    const app = { commands: only, shell: { add: jest.fn() } } as unknown as JupyterFrontEnd;
    const restorer = { add: jest.fn() };
    void sidePanelPlugin.activate(app, new FakeStore(), null, restorer, null);
    [panel] = restorer.add.mock.calls[0] as [CnaiPanel];
    expect(restorer.add).toHaveBeenCalledWith(panel, 'cnai-side-panel');
  });
});

describe('the tools of the sections', () => {
  const tool = (name: string) =>
    document.querySelector<HTMLElement>(`#cnai-side-panel [title="${name}"]`)!;

  test('show who uses what, and hide it again', async () => {
    attach(new FakeStore([row('a')]));
    await waitFor(() => expect(tool('Who uses what')).toBeTruthy());
    act(() => tool('Who uses what').click());
    expect(screen.getByText('Nothing is in use.')).toBeTruthy();
    await waitFor(() => expect(tool('Hide who uses what')).toBeTruthy());
    act(() => tool('Hide who uses what').click());
    expect(screen.queryByText('Nothing is in use.')).toBeNull();
  });

  test('sort the jobs by a menu', async () => {
    attach(new FakeStore([row('b', { created: NOW }), row('a')]));
    expect(names()).toEqual(['b', 'a']);
    await waitFor(() => expect(tool('Sort')).toBeTruthy());
    act(() => tool('Sort').click());
    const menu = document.querySelector('.lm-Menu')!;
    const labels = [...menu.querySelectorAll('.lm-Menu-itemLabel')].map(each => each.textContent);
    expect(labels).toEqual(['Newest first', 'By name', 'By phase']);
    for (const [key, keyCode] of [
      ['ArrowDown', 40],
      ['ArrowDown', 40],
      ['Enter', 13]
    ] as const) {
      fireEvent.keyDown(menu, { key, keyCode });
    }
    expect(names()).toEqual(['a', 'b']);
  });
});
