import { ISignal, Signal } from '@lumino/signaling';

import { Job, JobUpdate, Problem } from '../generated/wire';
import { IKey, IOpenJob } from '../tokens';

/** One opened job: its first answer, and what came since. */
export class OpenJob implements IOpenJob {
  constructor(
    key: IKey,
    private readonly _close: (job: OpenJob) => void
  ) {
    this.source = key.source;
    this.id = key.id;
  }

  readonly source: string;
  readonly id: string;

  get job(): Job | null {
    return this._job;
  }

  get problem(): Problem | null {
    return this._problem;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  update({ job, whole }: JobUpdate): void {
    this._job = whole || !this._job ? job : merged(this._job, job);
    this._problem = null;
    this._changed.emit();
  }

  refuse(problem: Problem): void {
    this._problem = problem;
    this._changed.emit();
  }

  dispose(): void {
    if (!this._disposed) {
      this._disposed = true;
      this._close(this);
      Signal.clearData(this);
    }
  }

  private _job: Job | null = null;
  private _problem: Problem | null = null;
  private _disposed = false;
  private _changed = new Signal<this, void>(this);
}

/** What is left out of an update stays as it was. */
function merged(before: Job, news: Job): Job {
  return {
    ...before,
    row: news.row,
    metrics: [...(before.metrics ?? []), ...(news.metrics ?? [])],
    events: [...(before.events ?? []), ...(news.events ?? [])],
    dropped: (before.dropped ?? 0) + (news.dropped ?? 0)
  };
}
