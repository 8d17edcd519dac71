import { LOCAL, NOW } from '../../__tests__/fakes';
import { Event, Job, JobUpdate, LogLine, Metric } from '../../generated/wire';
import { ILogPiece } from '../../tokens';
import { Store } from '../store';
import { change, hello, made, Server, snapshot, Socket } from './server';

const KEY = { source: 'local', id: 'a-1' };
let server: Server;
let store: Store;
let socket: Socket;

function report(seq: number): Metric {
  return { values: { loss: 1 / seq }, step: seq, seq };
}

function happened(seq: number): Event {
  return { reason: 'Started', seq };
}

function update(job: Partial<Job>, whole = false): JobUpdate {
  return { type: 'job', ...KEY, job: { row: made('a'), ...job }, now: NOW, whole };
}

function lines(...numbers: number[]): LogLine[] {
  return numbers.map(number => ({ number, text: `line ${number}` }));
}

function reconnect(): void {
  server.last.cut();
  jest.advanceTimersByTime(1_000);
  socket = server.last.accept();
}

beforeEach(() => {
  jest.useFakeTimers({
    doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'],
    now: NOW * 1000
  });
  server = new Server();
  store = new Store(server.settings());
  store.start();
  socket = server.welcome();
  socket.say(snapshot([made('a')]));
});

afterEach(() => {
  store.dispose();
  jest.useRealTimers();
});

describe('an opened job', () => {
  it('is whole at first, and grows by what is new', () => {
    const job = store.open(KEY);
    let drawn = 0;
    job.changed.connect(() => drawn++);
    socket.say(update({ metrics: [report(1)], events: [happened(1)], folder: '/x' }, true));
    socket.say(
      update({
        row: made('a', 'Failed'),
        metrics: [report(2), report(3)],
        dropped: 4,
        older_events: 2
      })
    );
    socket.say(update({ events: [happened(2)] }));
    expect(job.job?.metrics?.map(each => each.seq)).toEqual([1, 2, 3]);
    expect(job.job?.events?.map(each => each.seq)).toEqual([1, 2]);
    expect(job.job).toMatchObject({ folder: '/x', dropped: 4, older_events: 2 });
    expect(drawn).toBe(3);
  });

  it('leaves what it gave before as it was', () => {
    const job = store.open(KEY);
    socket.say(update({ metrics: [report(1)] }, true));
    const before = job.job!;
    socket.say(update({ metrics: [report(2)] }));
    expect(before.metrics).toHaveLength(1);
    socket.say(update({}));
    expect(job.job!.metrics).toHaveLength(2);
  });

  it('waits for the whole: what was underway to another page of it is no beginning', () => {
    const job = store.open(KEY);
    socket.say(update({ metrics: [report(9)] }));
    expect(job.job).toBeNull();
  });

  it('is told to all who show it, and kept while one of them does', () => {
    const [one, other] = [store.open(KEY), store.open({ ...KEY })];
    socket.say(update({ metrics: [report(1)] }, true), update({ metrics: [report(2)] }));
    expect(one.job?.metrics).toHaveLength(2);
    expect(other.job?.metrics).toHaveLength(2);
    expect(store.open(KEY).job).toEqual(other.job);
    one.dispose();
    other.dispose();
    other.dispose();
    expect(socket.only('close')).toEqual([]);
  });

  it('is given up when nobody shows it', () => {
    const job = store.open(KEY);
    job.dispose();
    expect(socket.only('open')).toEqual([{ type: 'open', ...KEY }]);
    expect(socket.only('close')).toEqual([{ type: 'close', ...KEY }]);
  });

  it('is asked for again after a reconnect, where the whole takes the place of all', () => {
    const job = store.open(KEY);
    store.open(KEY);
    socket.say(update({ metrics: [report(1), report(2)] }, true));
    reconnect();
    expect(socket.only('open')).toEqual([{ type: 'open', ...KEY }]);
    socket.say(hello(), update({ metrics: [report(1), report(2), report(3)] }, true));
    expect(job.job?.metrics?.map(each => each.seq)).toEqual([1, 2, 3]);
  });

  it('says why it cannot be shown, and is tried again when it changes', () => {
    const job = store.open(KEY);
    const problem = { what: 'There is no such job.' };
    socket.say({ type: 'refused', ...KEY, problem });
    expect(job.problem).toEqual(problem);
    socket.say(change(2, [made('b')]));
    expect(socket.only('open')).toHaveLength(1);
    socket.say(change(3, [made('a')]));
    expect(socket.only('open')).toHaveLength(2);
    socket.say(update({}, true));
    expect(job.problem).toBeNull();
  });

  it('is begun anew when it has grown long, so that the server thins it out', () => {
    const job = store.open(KEY);
    const many = Array.from({ length: 20_001 }, (_, n) => report(n + 1));
    socket.say(update({ metrics: [report(1)] }, true), update({ metrics: many }));
    expect(socket.heard.slice(-2).map(each => each.type)).toEqual(['close', 'open']);
    socket.say(update({ metrics: [report(20_002)] }));
    expect(socket.only('open')).toHaveLength(2);
    socket.say(update({ metrics: many.slice(0, 50) }, true), update({ metrics: [report(20_003)] }));
    expect(job.job?.metrics).toHaveLength(51);
  });
});

describe('a followed log', () => {
  let shown: number[];
  let done: boolean;

  function follow(from: Parameters<Store['follow']>[1]): ReturnType<Store['follow']> {
    shown = [];
    done = false;
    const feed = store.follow(KEY, from);
    feed.lines.connect((_, piece: ILogPiece) => {
      shown.push(...piece.lines.map(line => line.number ?? 0));
      done = piece.done;
    });
    return feed;
  }

  function piece(number: number, found: LogLine[], end = false): void {
    const channel = server.last.only('follow').slice(-1)[0]!.channel;
    server.last.say({ type: 'lines', channel, number, lines: found, done: end });
  }

  it('acknowledges a piece when who shows it is done', () => {
    const feed = store.follow(KEY, { tail: 500, rank: 1 });
    feed.lines.connect(() => expect(socket.only('ack')).toHaveLength(0));
    piece(1, lines(1, 2));
    const { channel } = socket.only('follow')[0]!;
    expect(socket.only('ack')).toEqual([{ type: 'ack', channel, number: 1 }]);
    expect(socket.only('follow')).toEqual([
      { type: 'follow', channel, ...KEY, after: 0, tail: 500, rank: 1 }
    ]);
  });

  it('acknowledges a piece also when who shows it fails', () => {
    const shouted = jest.spyOn(console, 'error').mockImplementation();
    const feed = store.follow(KEY, {});
    feed.lines.connect(() => {
      throw new Error('cannot draw');
    });
    piece(1, lines(1));
    expect(socket.only('ack')).toHaveLength(1);
    expect(shouted).toHaveBeenCalled();
    shouted.mockRestore();
  });

  it('goes on behind its last line after a reconnect: nothing twice, nothing missed', () => {
    follow({ tail: 500 });
    piece(1, lines(41, 42));
    piece(2, [{ number: 43, text: '10%', partial: true }]);
    reconnect();
    const [again] = socket.only('follow');
    expect(again).toMatchObject({ ...KEY, after: 42 });
    expect(again).not.toHaveProperty('tail');
    socket.say(hello());
    piece(1, lines(43, 44));
    expect(shown).toEqual([41, 42, 43, 43, 44]);
  });

  it('takes no piece of an old socket for a new one', () => {
    follow({});
    const old = socket.only('follow')[0]!.channel;
    reconnect();
    socket.say({ type: 'lines', channel: old, number: 1, lines: lines(1) });
    expect(shown).toEqual([]);
  });

  it('is not followed again when it has ended', () => {
    const feed = follow({});
    piece(1, lines(1), true);
    expect(done).toBe(true);
    reconnect();
    expect(socket.only('follow')).toEqual([]);
    feed.dispose();
    expect(socket.only('unfollow')).toEqual([]);
  });

  it('ends with who shows it', () => {
    const feed = follow({});
    feed.dispose();
    feed.dispose();
    piece(1, lines(1));
    expect(shown).toEqual([]);
    expect(socket.only('unfollow')).toHaveLength(1);
  });

  it('says at once that it was refused, and why, until it is followed again', () => {
    const log = store.follow(KEY, {});
    const told: (string | undefined)[] = [];
    log.problemChanged.connect(feed => told.push(feed.problem?.what));
    const [{ channel }] = socket.only('follow') as unknown as [{ channel: string }];
    socket.say({ type: 'refused', ...KEY, channel, problem: { what: 'Away.' } });
    expect(log.problem?.what).toBe('Away.');
    socket.say(change(2, [made('a')]));
    const [, again] = socket.only('follow') as { channel: string }[];
    socket.say({ type: 'lines', channel: again!.channel, number: 1, lines: lines(1) });
    expect(log.problem).toBeNull();
    expect(told).toEqual(['Away.', undefined]);
  });

  it('that was refused is followed again when its place is back', () => {
    follow({ tail: 10 });
    const { channel } = socket.only('follow')[0]!;
    socket.say({ type: 'refused', ...KEY, channel, problem: { what: 'Away.' } });
    socket.say({ type: 'source', source: { ...LOCAL, problem: { what: 'Away.' } }, now: NOW });
    expect(socket.only('follow')).toHaveLength(1);
    socket.say({ type: 'source', source: LOCAL, now: NOW });
    expect(socket.only('follow')).toHaveLength(2);
    piece(1, lines(1));
    expect(shown).toEqual([1]);
  });
});

describe('the rows on the screen', () => {
  it('are told, at most as many as one message may name', () => {
    const ids = Array.from({ length: 300 }, (_, n) => `job-${n}`);
    store.look('local', ids);
    expect(socket.only('look')[0]!.ids).toEqual(ids.slice(0, 200));
  });

  it('are told again after a reconnect', () => {
    store.look('local', ['a-1', 'b-1']);
    store.look('local', ['b-1']);
    reconnect();
    expect(socket.only('look')).toEqual([{ type: 'look', source: 'local', ids: ['b-1'] }]);
  });
});

it('asks for all that was wanted before it was connected, after its first word', () => {
  const late = new Store(server.settings());
  late.look('local', ['a-1']);
  late.open(KEY);
  late.follow(KEY, { after: 7 });
  late.start();
  expect(server.last.heard).toEqual([]);
  server.last.accept();
  expect(server.last.heard.map(each => each.type)).toEqual(['start', 'look', 'open', 'follow']);
  late.dispose();
});
