import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

const HIDDEN_FOR = 10_000;
const LOOK_EVERY = 5_000;
const INPUTS = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart'] as const;

/**
 * Whether somebody looks at this page: it can be seen, and was touched not long ago.
 *
 * A proxy that counts the bytes of a socket takes every open page for activity, and never ends an
 * idle server; so the socket is open only while somebody is here.
 */
export class Presence implements IDisposable {
  /** Seconds without input after which nobody is taken to be here; 0 is never. */
  restAfter = 0;

  constructor() {
    document.addEventListener('visibilitychange', this._seen);
    const quiet = { capture: true, passive: true };
    INPUTS.forEach(name => document.addEventListener(name, this._touched, quiet));
    this._timer = window.setInterval(() => this._look(), LOOK_EVERY);
  }

  get here(): boolean {
    return this._here;
  }

  get changed(): ISignal<this, boolean> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  dispose(): void {
    this._disposed = true;
    document.removeEventListener('visibilitychange', this._seen);
    INPUTS.forEach(name => document.removeEventListener(name, this._touched, { capture: true }));
    window.clearInterval(this._timer);
    Signal.clearData(this);
  }

  private readonly _touched = (): void => {
    this._input = Date.now();
    if (!this._here) {
      this._set(true);
    }
  };

  private readonly _seen = (): void => {
    this._hidden = document.visibilityState === 'hidden' ? Date.now() : null;
    if (this._hidden === null) {
      this._touched();
    }
  };

  private _look(): void {
    const now = Date.now();
    const idle = this.restAfter > 0 && now - this._input >= this.restAfter * 1000;
    const hidden = this._hidden !== null && now - this._hidden >= HIDDEN_FOR;
    if (this._here && (idle || hidden)) {
      this._set(false);
    }
  }

  private _set(here: boolean): void {
    this._here = here;
    this._changed.emit(here);
  }

  private _here = true;
  private _input = Date.now();
  private _hidden: number | null = document.visibilityState === 'hidden' ? Date.now() : null;
  private _timer: number;
  private _disposed = false;
  private _changed = new Signal<this, boolean>(this);
}
