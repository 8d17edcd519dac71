import { IDisposable } from '@lumino/disposable';

import { IEntry } from '../../tokens';

/** Ends within so many milliseconds are told as one. */
export const TOGETHER = 5_000;

/** Gathers ends, so that a burst of them is one notification. */
export class Announcer implements IDisposable {
  constructor(private readonly _tell: (entries: readonly IEntry[]) => void) {}

  get isDisposed(): boolean {
    return this._disposed;
  }

  /** The first of a burst waits a moment for its verdict, and for those that end with it. */
  add(entry: IEntry, wait: number): void {
    this._waiting.push(entry);
    this._timer ??= window.setTimeout(() => this._due(), wait);
  }

  dispose(): void {
    this._disposed = true;
    window.clearTimeout(this._timer);
  }

  private _due(): void {
    const entries = this._waiting;
    this._waiting = [];
    this._timer = undefined;
    this._tell(entries);
  }

  private _waiting: IEntry[] = [];
  private _timer: number | undefined;
  private _disposed = false;
}
