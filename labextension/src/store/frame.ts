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

/** A page that is not painted has no frames; it is told all the same. */
const AT_LEAST_EVERY = 1_000;

/** Gathers what is new until the next frame. */
export class Frame implements IDisposable {
  constructor(private readonly _tell: (changes: IChanges) => void) {}

  get isDisposed(): boolean {
    return this._disposed;
  }

  note({ connection, places, quota, serving, rows = [] }: INews): void {
    this._flags = {
      connection: this._flags.connection || !!connection,
      places: this._flags.places || !!places,
      quota: this._flags.quota || !!quota,
      serving: this._flags.serving || !!serving
    };
    if (rows === null) {
      this._rows = null;
    } else {
      rows.forEach(each => this._rows?.add(each));
    }
    if (!this._scheduled && !this._disposed) {
      this._scheduled = true;
      this._frame = window.requestAnimationFrame(() => this._due());
      this._timer = window.setTimeout(() => this._due(), AT_LEAST_EVERY);
    }
  }

  dispose(): void {
    this._disposed = true;
    this._cancel();
  }

  private _due(): void {
    const changes = { ...this._flags, rows: this._rows };
    this._cancel();
    this._rows = new Set();
    this._flags = NOTHING;
    this._tell(changes);
  }

  private _cancel(): void {
    this._scheduled = false;
    window.cancelAnimationFrame(this._frame);
    window.clearTimeout(this._timer);
  }

  private _rows: Set<string> | null = new Set();
  private _flags = NOTHING;
  private _scheduled = false;
  private _frame = 0;
  private _timer = 0;
  private _disposed = false;
}

const NOTHING = { connection: false, places: false, quota: false, serving: false };
