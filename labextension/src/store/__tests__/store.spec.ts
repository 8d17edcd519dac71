import { IChanges, IEntry } from '../../tokens';
import { LOCAL, NOW } from '../../__tests__/fakes';
import { Store } from '../store';
import { change, CLUSTER, hello, made, Server, snapshot, Socket } from './server';

const FRAME = 20;
let server: Server;
let store: Store;

function names(): string[] {
  return store.entries.map(entry => entry.row.workload.name);
}

function phase(name: string): string | undefined {
  return store.find({ source: 'local', id: `${name}-1` })?.row.workload.phase;
}

function begun(...rows: ReturnType<typeof made>[]): Socket {
  store.start();
  const socket = server.welcome();
  socket.say(snapshot(rows));
  return socket;
}

function reconnected(): Socket {
  server.last.cut();
  jest.advanceTimersByTime(1_000);
  return server.last.accept();
}

beforeEach(() => {
  jest.useFakeTimers({
    doNotFake: ['hrtime', 'nextTick', 'setImmediate', 'queueMicrotask'],
    now: NOW * 1000
  });
  server = new Server();
  store = new Store(server.settings());
});

afterEach(() => {
  store.dispose();
  jest.useRealTimers();
});

describe('what the page knows', () => {
  it('begins with the snapshot, newest first', () => {
    begun(made('old', 'Succeeded', 300), made('new', 'Running', 5), made('middle', 'Queued', 50));
    expect(names()).toEqual(['new', 'middle', 'old']);
    expect(store.place('local')?.loaded).toBe(true);
  });

  it('keeps the order when a phase changes, and puts a new one on top', () => {
    const socket = begun(made('old', 'Running', 300), made('new', 'Running', 5));
    socket.say(change(2, [made('old', 'Failed', 300)]), change(3, [made('newest', 'Queued', 0)]));
    expect(names()).toEqual(['newest', 'new', 'old']);
    expect(phase('old')).toBe('Failed');
  });

  it('forgets what was deleted', () => {
    const socket = begun(made('a'), made('b'));
    socket.say(change(2, [], { deleted: ['a-1'] }));
    expect(names()).toEqual(['b']);
    expect(store.find({ source: 'local', id: 'a-1' })).toBeNull();
  });

  it('hands out lists that never change afterwards', () => {
    const socket = begun(made('a'));
    const [entries, places] = [store.entries, store.places];
    expect(store.entries).toBe(entries);
    expect(store.places).toBe(places);
    socket.say(change(2, [made('a', 'Succeeded'), made('b')]));
    expect(entries.map(entry => entry.row.workload.phase)).toEqual(['Running']);
    expect(places[0]!.entries).toBe(entries);
    expect(store.places).not.toBe(places);
  });

  it('merges the lists of all places by creation', () => {
    store.start();
    const socket = server.welcome({ sources: [LOCAL, CLUSTER] });
    socket.say(snapshot([made('a', 'Running', 30), made('c', 'Running', 10)]), {
      ...snapshot([made('b', 'Running', 20)]),
      source: 'team-a'
    } as ReturnType<typeof snapshot>);
    expect(names()).toEqual(['c', 'b', 'a']);
    expect(store.places.map(place => place.source.id)).toEqual(['local', 'team-a']);
  });

  it('forgets a place that a server that was started anew does not watch', () => {
    store.start();
    server.welcome({ sources: [LOCAL, CLUSTER] });
    reconnected().say(hello());
    expect(store.places.map(place => place.source.id)).toEqual(['local']);
  });

  it('knows what is left to use', () => {
    const quota = { backend: 'local', place: 'this machine', items: [] };
    const device = { id: 'GPU-1', model: 'H200', memory: 2 ** 37 };
    begun().say({ type: 'quota', source: 'local', quota, devices: [device], now: NOW });
    expect(store.place('local')).toMatchObject({ quota, devices: [device] });
  });

  it('knows that a place is away, and which backend serves', () => {
    const socket = begun(made('a'));
    const problem = { what: 'The cluster does not answer.' };
    socket.say({ type: 'source', source: { ...LOCAL, problem, since: NOW - 5 }, now: NOW });
    socket.say({ type: 'serving', serving: { backend: 'other', why: 'configuration file' } });
    expect(store.place('local')?.source.problem).toEqual(problem);
    expect(store.serving?.backend).toBe('other');
    expect(names()).toEqual(['a']);
  });

  it('drops a place that was forgotten, with its jobs', () => {
    const socket = begun(made('a'));
    const place = 'team-a on gpu-lab';
    socket.say({ type: 'source', source: { id: 'k8s', name: 'kubernetes', place }, now: NOW });
    socket.say(Object.assign(snapshot([made('b')]), { source: 'k8s' }));
    expect(names().sort()).toEqual(['a', 'b']);
    socket.say({ type: 'gone', source: 'k8s' });
    expect(names()).toEqual(['a']);
    expect(store.places.map(({ source }) => source.id)).toEqual(['local']);
  });

  it("counts time by the server's clock", () => {
    begun().say({ type: 'beat', now: NOW + 120 });
    jest.advanceTimersByTime(5_000);
    expect(store.now()).toBeCloseTo(NOW + 125, 1);
    expect(store.asOf).toBeCloseTo(NOW + 120, 1);
  });

  it.each([
    ['what is no JSON', '{'],
    ['what is no object', 'null'],
    ['what has no type', '{"now": 1}'],
    ['a type that it does not know', { type: 'hologram', now: NOW }],
    ['rows of a place that it does not know', { ...change(2, [made('x')]), source: 'mars' }],
    ['changes that it has', change(1, [made('a', 'Failed')])],
    ['changes of other rows', change(9, [made('a', 'Failed')], { epoch: 'b' })]
  ])('takes no notice of %s', (_, message) => {
    const socket = begun(made('a'));
    socket.say(message);
    expect(names()).toEqual(['a']);
    expect(phase('a')).toBe('Running');
    expect(store.connection).toBe('live');
  });
});

describe('being told', () => {
  let told: IChanges[];

  beforeEach(() => {
    told = [];
    store.changed.connect((_, changes) => void told.push(changes));
  });

  it('comes once a frame, however much has come', () => {
    const socket = begun(made('a'), made('b'));
    jest.advanceTimersByTime(FRAME);
    told.length = 0;
    for (let seq = 2; seq < 50; seq++) {
      socket.say(change(seq, [made(seq % 2 ? 'a' : 'b', 'Running')]));
    }
    expect(told).toHaveLength(0);
    jest.advanceTimersByTime(FRAME);
    expect(told).toHaveLength(1);
    expect(told[0]!.rows).toEqual(new Set(['local/a-1', 'local/b-1']));
    expect(told[0]).toMatchObject({ connection: false, places: false, quota: false });
  });

  it('says that everything may have changed after a snapshot', () => {
    begun(made('a'));
    jest.advanceTimersByTime(FRAME);
    expect(told[told.length - 1]).toMatchObject({ connection: true, places: true, rows: null });
  });

  it('comes also where no frame is painted', () => {
    jest.spyOn(window, 'requestAnimationFrame').mockReturnValue(1);
    begun(made('a'));
    jest.advanceTimersByTime(1_100);
    expect(told).toHaveLength(1);
    jest.restoreAllMocks();
  });
});

describe('the end of a workload', () => {
  let ends: string[];

  beforeEach(() => {
    ends = [];
    store.ended.connect((_, { row: { workload } }: IEntry) => {
      ends.push(`${workload.name} ${workload.phase}`);
    });
  });

  it('is told once, of those that were seen alive', () => {
    const socket = begun(made('a'), made('done before', 'Failed'));
    socket.say(change(2, [made('a', 'Succeeded'), made('done before', 'Failed')]));
    socket.say(change(3, [made('a', 'Succeeded')]), change(4, [made('never seen', 'Failed')]));
    expect(ends).toEqual(['a Succeeded']);
  });

  it('is told also when it came while the page was away', () => {
    begun(made('a'), made('b'));
    reconnected().say(hello(), change(5, [made('a', 'Failed')]));
    expect(ends).toEqual(['a Failed']);
    reconnected().say(
      hello(),
      snapshot([made('a', 'Failed'), made('b', 'Stopped')], { epoch: 'b' })
    );
    expect(ends).toEqual(['a Failed', 'b Stopped']);
  });

  it('is not told again when the phase wavers', () => {
    const socket = begun(made('a'));
    socket.say(change(2, [made('a', 'Failed')]), change(3, [made('a', 'Running')]));
    socket.say(change(4, [made('a', 'Failed')]));
    expect(ends).toEqual(['a Failed']);
  });
});

describe('after a reconnect', () => {
  it('asks only for what came since', () => {
    begun(made('a')).say(change(7, [made('b')]));
    const socket = reconnected();
    expect(socket.heard).toEqual([{ type: 'start', positions: { local: { epoch: 'a', seq: 7 } } }]);
    socket.say(hello(), change(9, [made('a', 'Failed')], { deleted: ['b-1'] }));
    expect(names()).toEqual(['a']);
    expect(phase('a')).toBe('Failed');
  });

  it('takes the whole anew from a server that was started anew', () => {
    begun(made('a'), made('b'));
    reconnected().say(hello(), snapshot([made('b', 'Succeeded')], { epoch: 'z', seq: 3 }));
    expect(names()).toEqual(['b']);
    reconnected();
    expect(server.last.only('start')[0]!.positions).toEqual({ local: { epoch: 'z', seq: 3 } });
  });

  it('keeps the last values while it is away', () => {
    begun(made('a'));
    server.last.cut();
    jest.advanceTimersByTime(40_000);
    expect(store.connection).toBe('gone');
    expect(names()).toEqual(['a']);
  });
});

it('keeps up with 1,000 changes a second among 5,000 workloads', () => {
  const rows = Array.from({ length: 5_000 }, (_, n) => made(`job-${n}`, 'Running', n));
  const socket = begun(...rows);
  jest.advanceTimersByTime(FRAME);
  let told = 0;
  store.changed.connect(() => {
    told += store.entries.length && 1;
  });
  const messages = Array.from({ length: 33 }, (_, turn) =>
    JSON.stringify(
      change(
        turn + 2,
        Array.from({ length: 30 }, (_, n) => made(`job-${(turn * 151 + n) % 5_000}`, 'Failed', n))
      )
    )
  );
  const began = process.hrtime.bigint();
  messages.forEach(message => {
    socket.say(message);
    jest.advanceTimersByTime(30);
  });
  const spent = Number(process.hrtime.bigint() - began) / 1e6;
  process.stdout.write(
    `1 second of 1,000 changes among 5,000 rows: ${spent.toFixed(0)} ms, ${told} frames\n`
  );
  expect(store.entries).toHaveLength(5_000);
  expect(told).toBeLessThanOrEqual(33);
  expect(phase('job-0')).toBe('Failed');
});
