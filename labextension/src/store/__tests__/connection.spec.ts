import { NOW } from '../../__tests__/fakes';
import { Connection } from '../../tokens';
import { Store } from '../store';
import { change, hello, made, Server, snapshot } from './server';

let server: Server;
let store: Store;
let states: Connection[];

/** Time passes, and what was asked meanwhile is answered. */
async function pass(seconds: number): Promise<void> {
  await jest.advanceTimersByTimeAsync(seconds * 1000);
}

function see(state: 'visible' | 'hidden'): void {
  Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
  document.dispatchEvent(new Event('visibilitychange'));
}

function begin(settings = server.settings()): void {
  store = new Store(settings);
  store.changed.connect(() => {
    if (states[states.length - 1] !== store.connection) {
      states.push(store.connection);
    }
  });
  store.start();
}

beforeEach(() => {
  jest.useFakeTimers({
    doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'],
    now: NOW * 1000
  });
  server = new Server();
  states = [];
});

afterEach(() => {
  see('visible');
  store.dispose();
  jest.useRealTimers();
});

describe('connecting', () => {
  it('opens one socket below the base address', () => {
    begin();
    store.retry();
    expect(server.sockets.map(socket => socket.url)).toContain(
      'ws://localhost/user/ann/cnai/api/stream'
    );
    expect(server.sockets.filter(socket => socket.readyState < 2)).toHaveLength(1);
  });

  it('carries the token only where the settings say so', () => {
    begin(server.settings({ token: 'a&b', appendToken: true }));
    expect(server.last.url).toBe('ws://localhost/user/ann/cnai/api/stream?token=a%26b');
    store.dispose();
    begin(server.settings({ token: 'a&b', appendToken: false }));
    expect(server.last.url).not.toContain('token');
  });

  it('is live with the first word of the server', async () => {
    begin();
    expect(store.connection).toBe('connecting');
    server.welcome();
    await pass(0.1);
    expect(states).toEqual(['live']);
  });
});

describe('a lost connection', () => {
  it('is no matter when it is back within 3 seconds', async () => {
    begin();
    server.welcome();
    await pass(20);
    server.last.cut();
    await pass(1);
    server.welcome();
    await pass(60 - 40);
    expect(states).toEqual(['live']);
    expect(server.sockets).toHaveLength(2);
  });

  it('is stale after 3 seconds and gone after 30', async () => {
    begin();
    server.welcome();
    server.last.cut();
    await pass(2.9);
    expect(store.connection).toBe('live');
    await pass(0.2);
    expect(store.connection).toBe('stale');
    await pass(27.1);
    expect(store.connection).toBe('gone');
    expect(store.problem).toBeNull();
  });

  it('is tried again after ever longer waits, up to half a minute, never all at once', async () => {
    begin();
    const at: number[] = [];
    for (let attempt = 0; attempt < 10; attempt++) {
      const before = server.sockets.length;
      server.last.cut();
      const began = Date.now();
      while (server.sockets.length === before) {
        await pass(0.05);
      }
      at.push((Date.now() - began) / 1000);
    }
    at.forEach((wait, n) => {
      const most = Math.min(0.5 * 2 ** n, 30);
      expect(wait).toBeGreaterThanOrEqual(most / 2);
      expect(wait).toBeLessThanOrEqual(most + 0.1);
    });
  });

  it('waits longer also when the server welcomes and closes again', async () => {
    begin();
    for (let turn = 0; turn < 6; turn++) {
      server.welcome().cut();
      await pass(16);
    }
    server.welcome().cut();
    await pass(14);
    expect(server.sockets).toHaveLength(7);
  });

  it('is noticed by silence of three beats', async () => {
    begin();
    server.welcome({ beat: 2 });
    await pass(5.9);
    expect(store.connection).toBe('live');
    await pass(0.2);
    expect(store.connection).toBe('stale');
    await pass(1);
    expect(server.sockets).toHaveLength(2);
  });

  it('is not suspected while beats come', async () => {
    begin();
    server.welcome({ beat: 2 });
    for (let turn = 0; turn < 20; turn++) {
      await pass(2);
      server.last.say({ type: 'beat', now: NOW + turn });
    }
    expect(states).toEqual(['live']);
  });

  it('is tried at once when a person asks for it', async () => {
    begin();
    for (let turn = 0; turn < 8; turn++) {
      server.last.cut();
      await pass(30);
    }
    server.last.cut();
    expect(store.connection).toBe('gone');
    const before = server.sockets.length;
    store.retry();
    expect(server.sockets).toHaveLength(before + 1);
    server.welcome();
    expect(store.connection).toBe('live');
  });

  it('does not start anew what a person retries while it is live', () => {
    begin();
    server.welcome();
    store.retry();
    expect(server.sockets).toHaveLength(1);
  });
});

describe('a server that refuses', () => {
  function answering(status: number, body: object): void {
    server.answer = () => new Response(JSON.stringify(body), { status });
  }

  it.each([
    [401, 'The Jupyter server refuses this page.'],
    [403, 'The Jupyter server refuses this page.'],
    [404, 'The server half of cnai-sdk is not enabled.']
  ])('with %d is gone at once, and says what to do', async (status, what) => {
    answering(status, { message: 'no' });
    begin();
    server.last.cut();
    await pass(0.2);
    expect(store.connection).toBe('gone');
    expect(store.problem?.what).toBe(what);
    expect(store.problem?.next_step).not.toBe('');
    await pass(10);
    expect(states).toEqual(['gone']);
  });

  it('is only away when its proxy has no server to ask', async () => {
    answering(503, { message: 'starting' });
    begin();
    server.last.cut();
    await pass(3.1);
    expect(store.connection).toBe('stale');
    expect(store.problem).toBeNull();
  });

  it('is forgiven when it takes the page again', async () => {
    answering(403, {});
    begin();
    server.last.cut();
    await pass(1);
    server.welcome();
    expect(store.connection).toBe('live');
    expect(store.problem).toBeNull();
  });

  it('asks why without counting as activity', async () => {
    answering(403, {});
    begin();
    server.last.cut();
    await pass(0.1);
    expect(server.asked[0]!.url).toContain('no_track_activity=1');
  });

  it('of another protocol is not asked again: the page must be loaded anew', async () => {
    begin();
    server.welcome({ protocol: 2, version: '9.0.0' });
    await pass(120);
    expect(store.connection).toBe('gone');
    expect(store.problem).toMatchObject({ next_step: 'Reload the page.' });
    expect(server.sockets).toHaveLength(1);
  });
});

describe('while nobody looks', () => {
  it('rests, and catches up on return without a word of a fault', async () => {
    begin();
    server.welcome().say(snapshot([made('a')], { seq: 4 }));
    await pass(1);
    see('hidden');
    await pass(8);
    expect(store.connection).toBe('live');
    await pass(8);
    expect(store.connection).toBe('resting');
    expect(server.last.readyState).toBe(3);
    await pass(600);
    expect(server.sockets).toHaveLength(1);
    see('visible');
    expect(server.sockets).toHaveLength(2);
    await pass(0.1);
    const socket = server.last.accept();
    expect(socket.only('start')[0]!.positions).toEqual({ local: { epoch: 'a', seq: 4 } });
    socket.say(hello(), change(9, [made('a', 'Succeeded')]));
    await pass(1);
    expect(states).toEqual(['live', 'resting', 'connecting', 'live']);
    expect(store.entries[0]!.row.workload.phase).toBe('Succeeded');
  });

  it('does not rest for a short glance elsewhere', async () => {
    begin();
    server.welcome({ beat: 100 });
    see('hidden');
    await pass(6);
    see('visible');
    await pass(30);
    expect(states).toEqual(['live']);
  });

  it('rests after as long without input as the server says, and wakes by any', async () => {
    begin();
    server.welcome({ rest_after: 60, beat: 1000 });
    await pass(50);
    document.body.dispatchEvent(new Event('pointermove', { bubbles: true }));
    await pass(50);
    expect(store.connection).toBe('live');
    await pass(16);
    expect(store.connection).toBe('resting');
    document.body.dispatchEvent(new Event('keydown', { bubbles: true }));
    expect(server.sockets).toHaveLength(2);
  });

  it("rests after a person's own time, or never, whatever the server says", async () => {
    begin();
    store.restAfter(20);
    server.welcome({ rest_after: 600, beat: 1000 });
    await pass(26);
    expect(store.connection).toBe('resting');
    document.body.dispatchEvent(new Event('keydown', { bubbles: true }));
    store.restAfter(0);
    server.welcome({ rest_after: 20, beat: 1000 });
    await pass(100);
    expect(store.connection).toBe('live');
    store.restAfter(null);
    await pass(6);
    expect(store.connection).toBe('resting');
  });

  it('tries no server that has gone away', async () => {
    begin();
    server.welcome();
    server.last.cut();
    see('hidden');
    await pass(60);
    const tried = server.sockets.length;
    await pass(600);
    expect(server.sockets).toHaveLength(tried);
  });
});

it('leaves nothing behind', async () => {
  begin();
  server.welcome();
  store.dispose();
  await pass(600);
  document.body.dispatchEvent(new Event('keydown', { bubbles: true }));
  expect(server.sockets).toHaveLength(1);
  expect(server.last.readyState).toBe(3);
  expect(jest.getTimerCount()).toBe(0);
});
