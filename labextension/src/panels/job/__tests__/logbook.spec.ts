import { Lines, LogLine } from '../../../generated/wire';
import { FakeStore } from '../../../__tests__/fakes';
import { LogBook, LogRow, PAGE } from '../logbook';

const KEY = { source: 'local', id: 'digits-1' };

function line(number: number, more: Partial<LogLine> = {}): LogLine {
  return { text: `line ${number}`, number, ...more };
}

function lines(from: number, to: number): LogLine[] {
  return Array.from({ length: to - from + 1 }, (_, n) => line(from + n));
}

function words(rows: readonly LogRow[]): string[] {
  return rows.map(row => (row.kind === 'line' ? row.line.text : `lost ${row.count}`));
}

function numbers(book: LogBook): number[] {
  return book.rows.flatMap(row => (row.kind === 'line' ? [row.line.number!] : []));
}

/** A log of so many lines, which answers like the server. */
function logOf(store: FakeStore, size: number): void {
  store.page = ({ before, after, count = PAGE }): Lines => {
    if (before !== undefined) {
      const last = Math.min(before - 1, size);
      const first = Math.max(1, last - count + 1);
      return { lines: lines(first, last), first: first === 1, last: last === size };
    }
    const first = (after ?? 0) + 1;
    const last = Math.min(first + count - 1, size);
    return { lines: lines(first, last), first: first === 1, last: last === size };
  };
}

describe('the log of a page', () => {
  let store: FakeStore;
  let book: LogBook;

  function give(...given: LogLine[]): void {
    const feed = store.feeds[store.feeds.length - 1]!;
    feed.lines.emit({ lines: given, done: false });
  }

  beforeEach(() => {
    store = new FakeStore();
    book = new LogBook(store, KEY, () => 1000);
    book.toEnd();
  });

  it('opens at the end by asking for the last lines only', () => {
    expect(store.feeds[0]!.from).toEqual({ rank: undefined, tail: PAGE });
    expect(book.waiting).toBe(true);
    give(...lines(99_501, 100_000));
    expect(numbers(book)[0]).toBe(99_501);
    expect(book.atStart).toBe(false);
    expect(book.atEnd).toBe(true);
  });

  it('says at once that it was refused, and forgets it when lines come', () => {
    let told = 0;
    book.changed.connect(() => told++);
    store.feeds[0]!.refuse({ what: '16 logs are followed in this page.' });
    expect(book.problem?.what).toBe('16 logs are followed in this page.');
    expect([book.waiting, told]).toEqual([false, 1]);
    store.feeds[0]!.refuse(null);
    give(line(1));
    expect(book.problem).toBeNull();
  });

  it('asks anew for what was refused', () => {
    store.feeds[0]!.refuse({ what: 'Away.' });
    book.choose(book.rank);
    expect(store.feeds).toHaveLength(2);
    expect(book.problem).toBeNull();
  });

  it('keeps as many lines as it is told to, also when that changes', () => {
    let kept = 1000;
    book = new LogBook(store, KEY, () => kept);
    book.toEnd();
    give(...lines(1, 1200));
    expect(numbers(book)).toHaveLength(1000);
    kept = 2000;
    give(...lines(1201, 2400));
    expect(numbers(book)).toHaveLength(2000);
  });

  it('goes on with what is printed', () => {
    give(line(1), line(2));
    give(line(3));
    expect(words(book.rows)).toEqual(['line 1', 'line 2', 'line 3']);
    expect(book.atStart).toBe(true);
  });

  it('replaces an unfinished line of a worker by its next', () => {
    give(line(1), line(2, { text: '40%', partial: true }));
    give(
      line(2, { text: '60%', partial: true }),
      line(2, { text: 'other', rank: 1, partial: true })
    );
    expect(words(book.rows)).toEqual(['line 1', '60%', 'other']);
    give(line(2, { text: '100%' }));
    expect(words(book.rows)).toEqual(['line 1', '100%', 'other']);
  });

  it('keeps an unfinished last line when the job has ended', () => {
    store.feeds[0]!.lines.emit({ lines: [line(1, { text: 'ab', partial: true })], done: true });
    expect(words(book.rows)).toEqual(['ab']);
    expect(book.done).toBe(true);
  });

  it('says how many lines are not kept', () => {
    give(line(10), line(11), line(15));
    expect(words(book.rows)).toEqual(['line 10', 'line 11', 'lost 3', 'line 15']);
  });

  it('says nothing lost where one worker is chosen', () => {
    book.choose(1);
    expect(store.feeds[0]!.isDisposed).toBe(true);
    expect(store.feeds[1]!.from).toEqual({ rank: 1, tail: PAGE });
    give(line(10, { rank: 1 }), line(15, { rank: 1 }));
    expect(words(book.rows)).toEqual(['line 10', 'line 15']);
  });

  it('pages back to the start', async () => {
    logOf(store, 800);
    give(...lines(601, 800));
    await book.older();
    expect(numbers(book)[0]).toBe(101);
    expect(book.atStart).toBe(false);
    await book.older();
    expect(numbers(book)).toEqual(lines(1, 800).map(each => each.number));
    expect(book.atStart).toBe(true);
  });

  it('stays bounded while it follows', () => {
    give(...lines(1, 900));
    give(...lines(901, 1500));
    expect(numbers(book)).toHaveLength(1000);
    expect(numbers(book)[999]).toBe(1500);
    expect(book.atEnd).toBe(true);
    expect(book.atStart).toBe(false);
  });

  it('stays bounded and still while someone reads; the rest waits on the server', () => {
    give(...lines(1, 900));
    book.hold(true);
    give(...lines(901, 1500));
    expect(numbers(book)[0]).toBe(1);
    expect(numbers(book)).toHaveLength(1000);
    expect(book.atEnd).toBe(false);
    expect(store.feeds[0]!.isDisposed).toBe(true);
  });

  it('lets go of the end when it pages far back, and comes back to it', async () => {
    logOf(store, 1400);
    give(...lines(901, 1400));
    await book.older();
    await book.older();
    expect(numbers(book)).toHaveLength(1000);
    expect(book.atEnd).toBe(false);
    await book.newer();
    expect(book.atEnd).toBe(true);
    expect(numbers(book).slice(-1)).toEqual([1400]);
    expect(store.feeds[1]!.from).toEqual({ rank: undefined, after: 1400 });
  });

  it('brings a far line into the window', async () => {
    logOf(store, 100_000);
    give(...lines(99_501, 100_000));
    await book.goTo(500);
    expect(numbers(book)).toContain(500);
    expect(book.atEnd).toBe(false);
  });

  it('does not ask for a line that it has', async () => {
    give(...lines(1, 10));
    await book.goTo(3);
    expect(book.atEnd).toBe(true);
  });

  it('shows all workers again to reach the line of another one', async () => {
    logOf(store, 10);
    book.choose(1);
    await book.goTo(3, 0);
    expect(book.rank).toBeUndefined();
    expect(numbers(book)).toContain(3);
  });

  it('forgets an answer that came after something else was asked', async () => {
    logOf(store, 100_000);
    const going = book.goTo(500);
    book.toEnd();
    await going;
    expect(book.rows).toEqual([]);
  });

  it('says why older lines could not be had, and asks again', async () => {
    give(...lines(601, 800));
    store.page = () => {
      throw new Error('no answer');
    };
    await book.older();
    expect(book.problem?.what).toContain('no answer');
    logOf(store, 800);
    await book.older();
    expect(book.problem).toBeNull();
    expect(numbers(book)[0]).toBe(101);
  });

  it('tells the server that it is enough when the page closes', () => {
    book.dispose();
    expect(store.feeds.every(feed => feed.isDisposed)).toBe(true);
  });
});
