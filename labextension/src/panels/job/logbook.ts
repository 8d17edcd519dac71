import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { problemOf } from '../../api';
import { Lines, LogLine, Problem } from '../../generated/wire';
import { IKey, ILogFeed, ILogPiece, IStore } from '../../tokens';

/** A row of the view: a line, or how many lines are not kept between two. */
export type LogRow =
  | { readonly kind: 'line'; readonly line: LogLine }
  | { readonly kind: 'lost'; readonly after: number; readonly count: number };

/** Lines asked for at once. */
export const PAGE = 500;

type Source = Pick<IStore, 'follow' | 'lines'>;

/**
 * The window of a log that one page holds: a run of whole lines, and the unfinished line of each
 * worker where the window reaches the end.
 *
 * Of more lines than are kept, those farthest from what is read go, and are asked for again.
 */
export class LogBook implements IDisposable {
  constructor(
    private readonly _store: Source,
    private readonly _key: IKey,
    private readonly _kept: () => number
  ) {}

  private readonly _changed = new Signal<this, void>(this);

  /** The window, or what is known of it, has changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Made anew at a change only. */
  get rows(): readonly LogRow[] {
    return this._rows ?? (this._rows = this._arranged());
  }

  /** Whether it reaches the log's end and new lines come by themselves. */
  get atEnd(): boolean {
    return this._feed !== null;
  }

  /** Whether no older line is kept anywhere. */
  get atStart(): boolean {
    return this._atStart;
  }

  /** Whether it was ever asked to show something. */
  get begun(): boolean {
    return this._turn > 0;
  }

  /** Whether the first answer is still awaited. */
  get waiting(): boolean {
    return !this._heard;
  }

  /** Whether the log is whole: the workload has ended and its last line is here. */
  get done(): boolean {
    return this._done;
  }

  /** Why there are no lines, or no more of them, or null. */
  get problem(): Problem | null {
    return this._feed?.problem ?? this._problem;
  }

  get rank(): number | undefined {
    return this._rank;
  }

  /** Show the end, and follow it. */
  toEnd(): void {
    this._restart();
    this._follow({ tail: PAGE });
  }

  /** Show one worker's lines, or all. */
  choose(rank: number | undefined): void {
    this._rank = rank;
    this.toEnd();
    this._tell();
  }

  /** Hold the window still while someone reads: when it is full, new lines wait on the server. */
  hold(held: boolean): void {
    this._held = held;
  }

  /** Make sure that a line is in the window; of another worker than chosen, all are shown. */
  async goTo(number: number, rank: number | null = null): Promise<void> {
    const other = this._rank !== undefined && rank !== null && rank !== this._rank;
    if (!other && this._lines.some(line => line.number === number)) {
      return;
    }
    if (other) {
      this._rank = undefined;
    }
    this._restart();
    await this._ask({ before: number + PAGE / 2, count: PAGE }, answer => {
      this._lines = whole(answer);
      this._atStart = Boolean(answer.first);
      if (answer.last) {
        this._follow({ after: this._last });
      }
    });
  }

  /** Older lines before the window. */
  async older(): Promise<void> {
    const first = this._lines[0]?.number;
    if (this._atStart || first === undefined || this._asking) {
      return;
    }
    await this._ask({ before: first, count: PAGE }, answer => {
      const found = whole(answer).filter(line => (line.number ?? 0) < first);
      this._atStart = Boolean(answer.first) || found.length === 0;
      this._lines = [...found, ...this._lines];
      if (this._lines.length > this._kept()) {
        this._lines.length = this._kept();
        this._unfollow();
      }
    });
  }

  /** Newer lines after a window that does not reach the end. */
  async newer(): Promise<void> {
    if (this.atEnd || this._asking || this._lines.length === 0) {
      return;
    }
    await this._ask({ after: this._last, count: PAGE }, answer => {
      this._append(whole(answer));
      if (answer.last) {
        this._follow({ after: this._last });
      }
    });
  }

  dispose(): void {
    this._isDisposed = true;
    this._unfollow();
    Signal.clearData(this);
  }

  private get _last(): number {
    return this._lines[this._lines.length - 1]?.number ?? 0;
  }

  private _restart(): void {
    this._unfollow();
    this._lines = [];
    this._atStart = false;
    this._heard = false;
    this._problem = null;
    this._turn += 1;
    this._asking = false;
    this._held = false;
  }

  private _follow(from: { tail?: number; after?: number }): void {
    this._feed = this._store.follow(this._key, { rank: this._rank, ...from });
    this._feed.lines.connect(this._receive);
    this._feed.problemChanged.connect(this._refused);
  }

  private _unfollow(): void {
    this._feed?.lines.disconnect(this._receive);
    this._feed?.problemChanged.disconnect(this._refused);
    this._feed?.dispose();
    this._feed = null;
    this._partial.clear();
  }

  private readonly _receive = (_: ILogFeed, piece: ILogPiece): void => {
    const before = this._lines.length;
    this._heard = true;
    this._done = this._done || piece.done;
    for (const line of piece.lines) {
      this._partial.delete(line.rank ?? 0);
      if (line.partial) {
        this._partial.set(line.rank ?? 0, line);
      }
    }
    if (piece.done) {
      this._partial.forEach(line => this._lines.push({ ...line, partial: false }));
      this._partial.clear();
    }
    this._append(piece.lines.filter(line => !line.partial));
    if (before === 0 && this._lines[0]?.number === 1) {
      this._atStart = true;
    }
    this._tell();
  };

  private readonly _refused = (feed: ILogFeed): void => {
    this._heard = this._heard || feed.problem !== null;
    this._tell();
  };

  private _append(found: readonly LogLine[]): void {
    const last = this._last;
    this._lines = this._lines.concat(found.filter(line => (line.number ?? 0) > last));
    const kept = this._kept();
    if (this._lines.length <= kept) {
      return;
    }
    if (this._held) {
      this._lines.length = kept;
      this._unfollow();
    } else {
      this._lines = this._lines.slice(-kept);
      this._atStart = false;
    }
  }

  private async _ask(
    of: { before?: number; after?: number; count: number },
    take: (answer: Lines) => void
  ): Promise<void> {
    const turn = this._turn;
    this._asking = true;
    try {
      const answer = await this._store.lines(this._key, { ...of, rank: this._rank });
      if (turn !== this._turn || this._isDisposed) {
        return;
      }
      this._problem = null;
      take(answer);
    } catch (error) {
      if (turn !== this._turn) {
        return;
      }
      this._problem = problemOf(error);
    }
    this._asking = false;
    this._heard = true;
    this._tell();
  }

  private _tell(): void {
    this._rows = null;
    this._changed.emit();
  }

  private _arranged(): LogRow[] {
    const rows: LogRow[] = [];
    let expected = this._atStart ? 1 : (this._lines[0]?.number ?? 1);
    for (const line of this._lines) {
      const number = line.number ?? expected;
      if (this._rank === undefined && number > expected) {
        rows.push({ kind: 'lost', after: expected - 1, count: number - expected });
      }
      rows.push({ kind: 'line', line });
      expected = number + 1;
    }
    this._partial.forEach(line => rows.push({ kind: 'line', line }));
    return rows;
  }

  private _lines: LogLine[] = [];
  private readonly _partial = new Map<number, LogLine>();
  private _rows: LogRow[] | null = null;
  private _feed: ILogFeed | null = null;
  private _rank: number | undefined;
  private _atStart = false;
  private _heard = false;
  private _held = false;
  private _done = false;
  private _asking = false;
  private _turn = 0;
  private _problem: Problem | null = null;
  private _isDisposed = false;
}

function whole(answer: Lines): LogLine[] {
  return (answer.lines ?? []).filter(line => !line.partial);
}
