import { ISignal, Signal } from '@lumino/signaling';

import { Follow, LogPiece, Problem } from '../generated/wire';
import { IKey, ILogFeed, ILogPiece } from '../tokens';

export interface IFrom {
  readonly rank?: number;
  readonly after?: number;
  readonly tail?: number;
}

/** One followed log. After a reconnect it goes on behind the last whole line that it gave. */
export class LogFeed implements ILogFeed, IKey {
  constructor(
    key: IKey,
    private readonly _from: IFrom,
    private readonly _close: (feed: LogFeed) => void
  ) {
    this.source = key.source;
    this.id = key.id;
  }

  readonly source: string;
  readonly id: string;

  get channel(): string {
    return this._channel;
  }

  get done(): boolean {
    return this._done;
  }

  /** Why the server could not follow it, and has forgotten it. */
  get problem(): Problem | null {
    return this._problem;
  }

  get problemChanged(): ISignal<this, void> {
    return this._problemChanged;
  }

  get lines(): ISignal<this, ILogPiece> {
    return this._lines;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  /** @param channel - a new name each time, so that no old piece is taken for a new one */
  follow(channel: string): Follow {
    this._channel = channel;
    const { rank, after, tail } = this._from;
    const start = this._last ? { after: this._last } : { after: after ?? 0, tail: tail ?? null };
    const { source, id } = this;
    return { type: 'follow', channel, source, id, ...start, rank: rank ?? null };
  }

  give({ lines, done }: LogPiece): void {
    this._setProblem(null);
    for (const line of lines ?? []) {
      if (!line.partial) {
        this._last = Math.max(this._last, line.number ?? 0);
      }
    }
    this._done = done ?? false;
    this._lines.emit({ lines: lines ?? [], done: this._done });
  }

  refuse(problem: Problem): void {
    this._setProblem(problem);
  }

  dispose(): void {
    if (!this._disposed) {
      this._disposed = true;
      this._close(this);
      Signal.clearData(this);
    }
  }

  private _setProblem(problem: Problem | null): void {
    if (problem !== this._problem) {
      this._problem = problem;
      this._problemChanged.emit();
    }
  }

  private _channel = '';
  private _done = false;
  private _problem: Problem | null = null;
  private _last = 0;
  private _disposed = false;
  private _lines = new Signal<this, ILogPiece>(this);
  private _problemChanged = new Signal<this, void>(this);
}
