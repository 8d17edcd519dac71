import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { problemOf } from '../../api';
import { Act, Evidence, Job, Problem, Row, Workload } from '../../generated/wire';
import { IKey, IOpenJob, IStore } from '../../tokens';
import { LogBook } from './logbook';
import { ITrace, sampled } from './series';

/** What was answered to an action, to be shown where it was asked. */
export type Notice =
  | { readonly kind: 'refused'; readonly problem: Problem }
  | { readonly kind: 'made'; readonly workload: Workload };

/** A place in the log that the page was asked to show. */
export interface ITarget {
  readonly number: number;
  readonly rank: number | null;
  /** Whether a person asked for it, who is to see it; a page that opens stays at its verdict. */
  readonly asked: boolean;
}

/** What one job's page knows: its job, its log, and what the person asked of the page. */
export class JobModel implements IDisposable {
  constructor(
    readonly store: IStore,
    readonly key: IKey,
    logLines: () => number
  ) {
    this._opened = store.open(key);
    this.book = new LogBook(store, key, logLines);
    this._opened.changed.connect(this._learn);
    store.changed.connect(this._learn);
    this._learn();
  }

  readonly book: LogBook;

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  get job(): Job | null {
    return this._opened.job;
  }

  /** The newest of what the list and the opened job say. */
  get row(): Row | null {
    const listed = this.store.find(this.key)?.row ?? null;
    const opened = this._opened.job?.row ?? null;
    if (!listed || !opened) {
      return listed ?? opened;
    }
    return (listed.workload.seq ?? 0) > (opened.workload.seq ?? 0) ? listed : opened;
  }

  /**
   * Why there is nothing to show, or null: 'deleted', or what the server said.
   *
   * A job that was just made may not be in the list yet; it is gone when it was there before, or
   * when the server does not find it either.
   */
  get gone(): 'deleted' | Problem | null {
    const { problem } = this._opened;
    const place = this.store.place(this.key.source);
    if (place?.loaded && !place.source.problem && !this.store.find(this.key)) {
      return this._listed || problem ? 'deleted' : null;
    }
    return this._opened.job ? null : problem;
  }

  /** Whether an action can be carried out now. */
  get reachable(): boolean {
    const { connection } = this.store;
    return connection !== 'stale' && connection !== 'gone';
  }

  get notice(): Notice | null {
    return this._notice;
  }

  /** What is being done, until the answer comes. */
  get acting(): Act['do'] | null {
    return this._acting;
  }

  get scriptShown(): boolean {
    return this._scriptShown;
  }

  get target(): ITarget | null {
    return this._target;
  }

  get traces(): readonly ITrace[] {
    return this._traces;
  }

  async act(act: Exclude<Act['do'], 'delete'>, changes: Act['changes'] = {}): Promise<void> {
    this._acting = act;
    this._say(null);
    try {
      const answer = await this.store.act(this.key.source, {
        do: act,
        ids: [this.key.id],
        ...(act === 'rerun' ? { changes } : {})
      });
      const [refused] = answer.refused ?? [];
      const [made] = answer.made ?? [];
      this._notice = refused
        ? { kind: 'refused', problem: refused.problem }
        : made
          ? { kind: 'made', workload: made }
          : null;
    } catch (error) {
      this._notice = { kind: 'refused', problem: problemOf(error) };
    } finally {
      this._acting = null;
      this._changed.emit();
    }
  }

  /** Say that something was refused, or nothing. */
  refuse(problem: Problem): void {
    this._say({ kind: 'refused', problem });
  }

  dismiss(): void {
    this._say(null);
  }

  toggleScript(): void {
    this._scriptShown = !this._scriptShown;
    this._changed.emit();
  }

  /** Bring the log onto the screen, at its end. */
  showLogs(): void {
    this._scriptShown = false;
    this._logsWanted += 1;
    this._changed.emit();
  }

  /** Bring the person to the search of the log. */
  search(): void {
    this._scriptShown = false;
    this._searchWanted += 1;
    this._changed.emit();
  }

  /** How often the search was asked for. */
  get searchWanted(): number {
    return this._searchWanted;
  }

  /** How often the log was asked for. */
  get logsWanted(): number {
    return this._logsWanted;
  }

  /** Bring the log to a line, and the page to the log where a person asked for it. */
  show(place: Pick<Evidence, 'rank' | 'line'>, asked = true): void {
    if (place.line) {
      this._scriptShown = false;
      this._target = { number: place.line, rank: place.rank ?? null, asked };
      this._changed.emit();
    }
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this.store.changed.disconnect(this._learn);
    this._opened.changed.disconnect(this._learn);
    this._opened.dispose();
    this.book.dispose();
    Signal.clearData(this);
  }

  private _say(notice: Notice | null): void {
    this._notice = notice;
    this._changed.emit();
  }

  private readonly _learn = (): void => {
    const { row } = this;
    this._listed ||= this.store.find(this.key) !== null;
    if (row) {
      this._traces = sampled(this._traces, row, this.store.now());
    }
    this._changed.emit();
  };

  private readonly _changed = new Signal<this, void>(this);
  private readonly _opened: IOpenJob;
  private _notice: Notice | null = null;
  private _acting: Act['do'] | null = null;
  private _scriptShown = false;
  private _logsWanted = 0;
  private _searchWanted = 0;
  private _target: ITarget | null = null;
  private _traces: readonly ITrace[] = [];
  private _listed = false;
  private _isDisposed = false;
}
