import { ISignal, Signal } from '@lumino/signaling';

import { Follow, LogPiece } from '../generated/wire';
import { IKey, ILogFeed, ILogPiece } from '../tokens';

export interface IFrom {
  readonly rank?: number;
  readonly after?: number;
  readonly tail?: number;
}

/** One followed log. After a reconnect it goes on behind the last whole line that it gave. */
export class LogFeed implements ILogFeed {
  constructor(
    private readonly _key: IKey,
    private readonly _from: IFrom,
    private readonly _close: (feed: LogFeed) => void
  ) {}

  /** The page's name for it; each socket gets another, so that no old piece is taken for a new. */
  channel = '';
  done = false;

  get lines(): ISignal<this, ILogPiece> {
    return this._lines;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  follow(channel: string): Follow {
    this.channel = channel;
    const { rank, after, tail } = this._from;
    const start = this._last ? { after: this._last } : { after: after ?? 0, tail: tail ?? null };
    return { type: 'follow', channel, ...this._where, ...start, rank: rank ?? null };
  }

  give({ lines, done }: LogPiece): void {
    for (const line of lines ?? []) {
      if (!line.partial) {
        this._last = Math.max(this._last, line.number ?? 0);
      }
    }
    this.done = done ?? false;
    this._lines.emit({ lines: lines ?? [], done: this.done });
  }

  dispose(): void {
    if (!this._disposed) {
      this._disposed = true;
      this._close(this);
      Signal.clearData(this);
    }
  }

  private get _where(): { source: string; id: string } {
    return { source: this._key.source, id: this._key.id };
  }

  private _last = 0;
  private _disposed = false;
  private _lines = new Signal<this, ILogPiece>(this);
}
