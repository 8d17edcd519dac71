import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';

import { FakeStore, LOCAL, row } from '../../__tests__/fakes';
import { Commands } from '../../tokens';
import { addJobCommands } from '../jobs';

const trans = nullTranslator.load('cnai_lab');
const key = (name: string): { source: string; id: string } => ({
  source: 'local',
  id: `${name}-1`
});

function setUp(): { store: FakeStore; commands: CommandRegistry } {
  const store = new FakeStore([
    row('runs'),
    row('done', { phase: 'Succeeded' }),
    row('foreign', { managed: false })
  ]);
  const commands = new CommandRegistry();
  addJobCommands({ commands, shell: { currentWidget: null } as never }, store, trans);
  return { store, commands };
}

/** Press a button of the dialog that opens. */
async function press(label: string): Promise<string> {
  let dialog: Element | null = null;
  while (!dialog) {
    await new Promise(requestAnimationFrame);
    dialog = document.querySelector('.jp-Dialog');
  }
  const said = dialog.textContent ?? '';
  [...dialog.querySelectorAll('button')].find(each => each.textContent === label)!.click();
  return said;
}

describe('commands on jobs', () => {
  it('stops several in one request', async () => {
    const { store, commands } = setUp();
    const answer = (await commands.execute(Commands.stop, {
      keys: [key('runs'), key('done')]
    })) as unknown;
    expect(store.acts).toEqual([
      { source: 'local', act: { do: 'stop', ids: ['runs-1', 'done-1'] } }
    ]);
    expect(answer).toMatchObject({ done: ['runs-1', 'done-1'] });
  });

  it('tells what was done in one place when another does not answer', async () => {
    const store = new FakeStore([row('runs')], [LOCAL, { ...LOCAL, id: 'team' }]);
    store.setPlace({ entries: [{ source: 'team', id: 'far-1', row: row('far') }] }, 'team');
    const act = store.act.bind(store);
    store.act = (source, what) =>
      source === 'team' ? Promise.reject(new Error('Away.')) : act(source, what);
    const commands = new CommandRegistry();
    addJobCommands({ commands, shell: { currentWidget: null } as never }, store, trans);
    const keys = [key('runs'), { source: 'team', id: 'far-1' }];
    const answer: unknown = await commands.execute(Commands.stop, { keys });
    expect(answer).toMatchObject({
      done: ['runs-1'],
      refused: [{ id: 'far-1', problem: { what: 'Away.' } }]
    });
  });

  it('offers only what can be done', () => {
    const { store, commands } = setUp();
    const can = (command: string, name: string): boolean =>
      commands.isEnabled(command, { keys: [key(name)] });
    expect([can(Commands.stop, 'runs'), can(Commands.stop, 'done')]).toEqual([true, false]);
    expect([can(Commands.rerun, 'runs'), can(Commands.rerun, 'done')]).toEqual([false, true]);
    expect([can(Commands.delete, 'foreign'), can(Commands.delete, 'gone')]).toEqual([false, false]);
    store.connection = 'stale';
    expect(can(Commands.stop, 'runs')).toBe(false);
  });

  it('deletes only when it was said so, and says what goes', async () => {
    const { store, commands } = setUp();
    const args = { keys: [key('runs'), key('done')] };
    const first = commands.execute(Commands.delete, args);
    const said = await press('Cancel');
    expect(await first).toBeNull();
    expect(store.acts).toEqual([]);
    expect(said).toContain('done, runs, with logs and outputs.'.split(', ')[0]);
    expect(said).toContain('1 still runs and is stopped first.');

    const second = commands.execute(Commands.delete, args);
    await press('Delete 2 jobs');
    expect(await second).toMatchObject({ done: ['runs-1', 'done-1'] });
  });

  it('shows a hostile name as text', async () => {
    const { store, commands } = setUp();
    store.setRows([row('<img src=x onerror=alert(1)>')]);
    const args = { keys: [key('<img src=x onerror=alert(1)>')] };
    const answer = commands.execute(Commands.delete, args);
    expect(await press('Cancel')).toContain('<img src=x onerror=alert(1)>');
    await answer;
    expect(document.querySelector('img')).toBeNull();
  });
});
