import { Signal } from '@lumino/signaling';

import {
  Act,
  Acted,
  Fit,
  Lines,
  Matches,
  Row,
  Script,
  Serving,
  Source,
  Sources,
  Wished,
  Workload
} from '../generated/wire';
import { byCreation } from '../store/place';
import {
  Connection,
  IChanges,
  IEntry,
  IKey,
  ILogFeed,
  ILogPiece,
  IOpenJob,
  IPlace,
  IStore
} from '../tokens';

export const NOW = 1_800_000_000;
export const LOCAL: Source = {
  id: 'local',
  name: 'local',
  place: 'this machine',
  kinds: ['train']
};

/** A workload, running unless it is said otherwise. */
export function workload(name: string, more: Partial<Workload> = {}): Workload {
  return {
    id: `${name}-1`,
    name,
    kind: 'train',
    phase: 'Running',
    backend: 'local',
    place: 'this machine',
    created: NOW - 80,
    started: NOW - 72,
    ...more
  };
}

export function row(name: string, more: Partial<Workload> = {}, short = ''): Row {
  return { workload: workload(name, more), short };
}

/** An opened job that a test moves. */
export class FakeOpenJob implements IOpenJob {
  constructor(readonly key: IKey) {}
  readonly source = this.key.source;
  readonly id = this.key.id;
  job: IOpenJob['job'] = null;
  problem: IOpenJob['problem'] = null;
  readonly changed = new Signal<this, void>(this);
  isDisposed = false;

  set(job: Partial<Pick<this, 'job' | 'problem'>>): void {
    Object.assign(this, job);
    this.changed.emit();
  }

  dispose(): void {
    this.isDisposed = true;
  }
}

/** A followed log that a test feeds. */
export class FakeLogFeed implements ILogFeed {
  constructor(
    readonly key: IKey,
    readonly from: { rank?: number; after?: number; tail?: number }
  ) {}
  readonly lines = new Signal<this, ILogPiece>(this);
  readonly problemChanged = new Signal<this, void>(this);
  problem: ILogFeed['problem'] = null;
  isDisposed = false;

  refuse(problem: ILogFeed['problem']): void {
    this.problem = problem;
    this.problemChanged.emit();
  }

  dispose(): void {
    this.isDisposed = true;
  }
}

/** A store that a test fills; what is asked of it is kept. */
export class FakeStore implements IStore {
  constructor(rows: readonly Row[] = [], sources: readonly Source[] = [LOCAL]) {
    this.places = sources.map(source => ({
      source,
      entries: source.id === 'local' ? entriesOf('local', rows) : [],
      quota: null,
      devices: [],
      loaded: true
    }));
  }

  connection: Connection = 'live';
  problem: IStore['problem'] = null;
  asOf = NOW;
  places: readonly IPlace[];
  serving: Serving | null = {
    backend: 'local',
    source: 'local',
    why: 'default',
    choices: ['local']
  };
  readonly changed = new Signal<this, IChanges>(this);
  readonly ended = new Signal<this, IEntry>(this);

  readonly acts: { source: string; act: Act }[] = [];
  readonly looked: { source: string; ids: readonly string[] }[] = [];
  readonly opened: FakeOpenJob[] = [];
  readonly feeds: FakeLogFeed[] = [];
  readonly chosen: string[] = [];
  readonly forgotten: string[] = [];
  readonly wished: { source: string; wished: Wished }[] = [];
  /** What a question whether something fits is answered; may throw. */
  fitting: (wished: Wished) => Fit = () => ({ answer: 'now' });
  retries = 0;
  rest: number | null = null;
  /** What an act answers; may throw. */
  answer: (act: Act) => Acted = act => ({ done: act.ids });
  scripts: Script = { text: '' };
  page: (of: { before?: number; after?: number; rank?: number; count?: number }) => Lines = () => ({
    lines: [],
    first: true,
    last: true
  });
  matches: (of: { text: string }) => Matches = () => ({ complete: true });

  get entries(): readonly IEntry[] {
    return this.places.flatMap(place => place.entries).sort(byCreation);
  }

  now(): number {
    return NOW;
  }

  find(key: IKey): IEntry | null {
    return this.entries.find(each => each.source === key.source && each.id === key.id) ?? null;
  }

  place(source: string): IPlace | null {
    return this.places.find(each => each.source.id === source) ?? null;
  }

  look(source: string, ids: readonly string[]): void {
    this.looked.push({ source, ids });
  }

  open(key: IKey): FakeOpenJob {
    const job = new FakeOpenJob(key);
    this.opened.push(job);
    return job;
  }

  follow(key: IKey, from: FakeLogFeed['from']): FakeLogFeed {
    const feed = new FakeLogFeed(key, from);
    this.feeds.push(feed);
    return feed;
  }

  retry(): void {
    this.retries++;
  }

  restAfter(seconds: number | null): void {
    this.rest = seconds;
  }

  act(source: string, act: Act): Promise<Acted> {
    this.acts.push({ source, act });
    return new Promise(resolve => resolve(this.answer(act)));
  }

  async fits(source: string, wished: Wished): Promise<Fit> {
    this.wished.push({ source, wished });
    return Promise.resolve(this.fitting(wished));
  }

  choose(source: string): Promise<Serving> {
    this.chosen.push(source);
    return Promise.resolve({
      backend: 'local',
      source,
      why: 'configuration file',
      choices: ['local']
    });
  }

  forget(source: string): Promise<Sources> {
    this.forgotten.push(source);
    return Promise.resolve({ sources: [], serving: this.serving! });
  }

  script(): Promise<Script> {
    return Promise.resolve(this.scripts);
  }

  lines(_: IKey, of: Parameters<FakeStore['page']>[0]): Promise<Lines> {
    return new Promise(resolve => resolve(this.page(of)));
  }

  search(_: IKey, of: { text: string }): Promise<Matches> {
    return new Promise(resolve => resolve(this.matches(of)));
  }

  logUrl(key: IKey, rank?: number): string {
    return `/jobs/${key.source}/${key.id}/log.txt${rank === undefined ? '' : `?rank=${rank}`}`;
  }

  outputUrl(key: IKey, path: string): string {
    return `/jobs/${key.source}/${key.id}/outputs/${path}`;
  }

  // -- what a test says ------------------------------------------------------------------

  /** The rows of a place are these from now on; who listens is told. */
  setRows(rows: readonly Row[], source = 'local'): void {
    this.setPlace({ entries: entriesOf(source, rows) }, source);
  }

  setPlace(part: Partial<IPlace>, source = 'local'): void {
    this.places = this.places.map(each =>
      each.source.id === source ? { ...each, ...part } : each
    );
    this.tell();
  }

  setConnection(connection: Connection, problem: IStore['problem'] = null): void {
    Object.assign(this, { connection, problem });
    this.tell();
  }

  tell(changes: Partial<IChanges> = {}): void {
    this.changed.emit({
      connection: true,
      places: true,
      quota: true,
      serving: true,
      rows: null,
      ...changes
    });
  }
}

function entriesOf(source: string, rows: readonly Row[]): readonly IEntry[] {
  return rows.map(each => ({ source, id: each.workload.id, row: each })).sort(byCreation);
}
