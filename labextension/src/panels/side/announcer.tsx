import { ISignal, Signal } from '@lumino/signaling';
import { IDisposable } from '@lumino/disposable';
import React, { useEffect, useState } from 'react';

/** What screen readers are told; sentences that come close together are told as one. */
export class Announcer implements IDisposable {
  constructor(private readonly every = 5000) {}

  get said(): ISignal<this, string> {
    return this._said;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  say(sentence: string): void {
    if (this._disposed || this._waiting.includes(sentence)) {
      return;
    }
    this._waiting.push(sentence);
    if (this._timer === undefined) {
      const due = Math.max(this._last + this.every - Date.now(), 0);
      this._timer = window.setTimeout(() => this._speak(), due);
    }
  }

  dispose(): void {
    this._disposed = true;
    window.clearTimeout(this._timer);
    Signal.clearData(this);
  }

  private _speak(): void {
    this._timer = undefined;
    this._last = Date.now();
    this._said.emit(this._waiting.splice(0).join(' '));
  }

  private _disposed = false;
  private _last = 0;
  private _timer: number | undefined;
  private _waiting: string[] = [];
  private _said = new Signal<this, string>(this);
}

/** The live region; it must be in the page before anything is said. */
export function Announcements({ announcer }: { announcer: Announcer }): JSX.Element {
  const [text, setText] = useState('');
  useEffect(() => {
    const hear = (_: Announcer, said: string) => setText(said);
    announcer.said.connect(hear);
    return () => {
      announcer.said.disconnect(hear);
    };
  }, [announcer]);
  return (
    <div className="cnai-Unseen" role="status" aria-live="polite">
      {text}
    </div>
  );
}
