import { ISignal, Signal } from '@lumino/signaling';

import { Job, JobUpdate, Problem } from '../generated/wire';
import { IKey, IOpenJob } from '../tokens';

/** Reports after which the job is begun anew, which thins out those that are old. */
const LONG = 20_000;

/** One opened job: its first answer, and what came since. */
export class OpenJob implements IOpenJob {
  /** @param job - as another one of the same workload has it already */
  constructor(
    key: IKey,
    job: Job | null,
    private readonly _close: (job: OpenJob) => void
  ) {
    this.source = key.source;
    this.id = key.id;
    this._job = job;
    this._begun = job !== null;
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

  get isLong(): boolean {
    return this._begun && (this._job?.metrics?.length ?? 0) > LONG;
  }

  /** What is underway belongs to what was asked before; it is worth nothing without its beginning. */
  expectWhole(): void {
    this._begun = false;
  }

  update({ job, whole }: JobUpdate): void {
    if (whole) {
      this._job = job;
      this._begun = true;
    } else if (this._begun && this._job) {
      this._job = merged(this._job, job);
    } else {
      return;
    }
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

  private _job: Job | null;
  private _begun: boolean;
  private _problem: Problem | null = null;
  private _disposed = false;
  private _changed = new Signal<this, void>(this);
}

/** What is left out of an update stays as it was. */
function merged(before: Job, news: Job): Job {
  return {
    ...before,
    row: news.row,
    metrics: joined(before.metrics, news.metrics),
    events: joined(before.events, news.events),
    dropped: (before.dropped ?? 0) + (news.dropped ?? 0),
    older_events: (before.older_events ?? 0) + (news.older_events ?? 0)
  };
}

/** The same array when nothing is new, so that what is drawn from it need not be drawn again. */
function joined<T>(before: T[] = [], news: T[] = []): T[] {
  return news.length ? [...before, ...news] : before;
}
