import { IDisposable } from '@lumino/disposable';

import { IChanges } from '../tokens';

interface INews {
  readonly connection?: boolean;
  readonly places?: boolean;
  readonly quota?: boolean;
  readonly serving?: boolean;
  /** null: everything may have changed. */
  readonly rows?: readonly string[] | null;
}

const HIDDEN_EVERY = 1_000;

/** Gathers what is new until the next frame; a page that is not painted is told once a second. */
export class Frame implements IDisposable {
  constructor(private readonly _tell: (changes: IChanges) => void) {}

  get isDisposed(): boolean {
    return this._disposed;
  }

  note(news: INews): void {
    const rows =
      news.rows === null || this._rows === null
        ? null
        : new Set([...this._rows, ...(news.rows ?? [])]);
    this._rows = rows;
    this._flags = {
      connection: this._flags.connection || !!news.connection,
      places: this._flags.places || !!news.places,
      quota: this._flags.quota || !!news.quota,
      serving: this._flags.serving || !!news.serving
    };
    if (this._undo === null && !this._disposed) {
      this._undo = schedule(() => this._due());
    }
  }

  dispose(): void {
    this._disposed = true;
    this._undo?.();
  }

  private _due(): void {
    const changes = { ...this._flags, rows: this._rows };
    this._undo = null;
    this._rows = new Set();
    this._flags = NOTHING;
    this._tell(changes);
  }

  private _rows: Set<string> | null = new Set();
  private _flags = NOTHING;
  private _undo: (() => void) | null = null;
  private _disposed = false;
}

const NOTHING = { connection: false, places: false, quota: false, serving: false };

function schedule(work: () => void): () => void {
  if (document.visibilityState === 'hidden') {
    const timer = window.setTimeout(work, HIDDEN_EVERY);
    return () => window.clearTimeout(timer);
  }
  const frame = window.requestAnimationFrame(work);
  return () => window.cancelAnimationFrame(frame);
}
