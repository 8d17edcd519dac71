import { ServerConnection } from '@jupyterlab/services';
import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { ApiError, request } from '../api';
import { Act, Acted, Lines, Matches, Problem, Row, Script, Serving } from '../generated/wire';
import { Heard, IListener, Spoken, Stream } from '../stream';
import { Connection, IChanges, IEntry, IKey, ILogFeed, IOpenJob, IPlace, IStore } from '../tokens';
import { hasEnded } from '../words';
import { Frame } from './frame';
import { IFrom, LogFeed } from './logFeed';
import { OpenJob } from './openJob';
import { byCreation, Place } from './place';
import { Presence } from './presence';
import { Requests } from './requests';

/** What the page knows, fed by the stream; see IStore. */
export class Store implements IStore, IListener, IDisposable {
  constructor(settings: ServerConnection.ISettings) {
    this._settings = settings;
    this._stream = new Stream(settings, this);
    this._requests = new Requests(settings);
    this._presence.changed.connect((_, here) =>
      here ? this._stream.connect() : this._stream.rest()
    );
  }

  /** Connect; what the page learns comes by `changed`. */
  start(): void {
    this._stream.connect();
  }

  get connection(): Connection {
    return this._stream.connection;
  }

  get problem(): Problem | null {
    return this._problem;
  }

  get asOf(): number {
    return this._asOf;
  }

  get places(): readonly IPlace[] {
    return [...this._places.values()].map(place => place.shown);
  }

  get entries(): readonly IEntry[] {
    const places = [...this._places.values()];
    if (places.length === 1) {
      return places[0]!.entries;
    }
    this._entries ??= places.flatMap(place => place.entries).sort(byCreation);
    return this._entries;
  }

  get serving(): Serving | null {
    return this._serving;
  }

  get changed(): ISignal<this, IChanges> {
    return this._changed;
  }

  get ended(): ISignal<this, IEntry> {
    return this._ended;
  }

  get isDisposed(): boolean {
    return this._presence.isDisposed;
  }

  now(): number {
    return Date.now() / 1000 + this._offset;
  }

  find(key: IKey): IEntry | null {
    return this._places.get(key.source)?.find(key.id) ?? null;
  }

  place(source: string): IPlace | null {
    return this._places.get(source)?.shown ?? null;
  }

  look(source: string, ids: readonly string[]): void {
    this._looks.set(source, ids);
    this._stream.say({ type: 'look', source, ids: [...ids] });
  }

  open(key: IKey): IOpenJob {
    const job = new OpenJob(key, closed => this._closed(closed));
    const known = [...this._jobs].some(each => sameKey(each, key));
    this._jobs.add(job);
    if (known) {
      // The server tells each job once a socket; asked again, it begins with the whole.
      this._stream.say({ type: 'close', source: key.source, id: key.id });
    }
    this._stream.say({ type: 'open', source: key.source, id: key.id });
    return job;
  }

  follow(key: IKey, from: IFrom): ILogFeed {
    const feed = new LogFeed(key, from, closed => this._unfollow(closed));
    this._feeds.add(feed);
    this._stream.say(feed.follow(this._channel()));
    return feed;
  }

  retry(): void {
    this._stream.connect();
  }

  restAfter(seconds: number | null): void {
    this._restAfter = seconds;
    this._presence.restAfter = seconds ?? this._serverRests;
  }

  act(source: string, act: Act): Promise<Acted> {
    return this._requests.act(source, act);
  }

  choose(backend: string): Promise<Serving> {
    return this._requests.choose(backend);
  }

  script(key: IKey): Promise<Script> {
    return this._requests.script(key);
  }

  lines(key: IKey, of: Parameters<IStore['lines']>[1]): Promise<Lines> {
    return this._requests.lines(key, of);
  }

  search(key: IKey, of: Parameters<IStore['search']>[1]): Promise<Matches> {
    return this._requests.search(key, of);
  }

  logUrl(key: IKey, rank?: number): string {
    return this._requests.logUrl(key, rank);
  }

  outputUrl(key: IKey, path: string): string {
    return this._requests.outputUrl(key, path);
  }

  dispose(): void {
    this._presence.dispose();
    this._stream.dispose();
    this._frame.dispose();
    Signal.clearData(this);
  }

  // -- what the stream tells -----------------------------------------------------------

  greeting(): readonly Heard[] {
    const positions = [...this._places].flatMap(([id, place]) =>
      place.position ? [[id, place.position] as const] : []
    );
    const opened = new Map([...this._jobs].map(job => [keyOf(job), job]));
    return [
      { type: 'start', positions: Object.fromEntries(positions) },
      ...[...this._looks].map(([source, ids]): Heard => ({ type: 'look', source, ids: [...ids] })),
      ...[...opened.values()].map(({ source, id }): Heard => ({ type: 'open', source, id })),
      ...[...this._feeds]
        .filter(feed => !feed.done)
        .map((feed): Heard => feed.follow(this._channel()))
    ];
  }

  connectionChanged(connection: Connection): void {
    if (connection === 'live') {
      this._problem = null;
    }
    this._frame.note({ connection: true });
  }

  failed(): void {
    if (!this._asking) {
      this._asking = true;
      void this._askWhy().finally(() => (this._asking = false));
    }
  }

  /** A socket does not say why it was refused; a request does. */
  private async _askWhy(): Promise<void> {
    try {
      await request('version?no_track_activity=1', this._settings);
    } catch (error) {
      if (error instanceof ApiError) {
        this._problem = error.refusal;
        this._frame.note({ connection: true });
      }
    }
  }

  heard(message: Spoken): void {
    if ('now' in message) {
      this._asOf = message.now;
      this._offset = message.now - Date.now() / 1000;
    }
    switch (message.type) {
      case 'hello':
        this._serving = message.serving;
        this._serverRests = message.rest_after ?? 0;
        this.restAfter(this._restAfter);
        this._setSources(message.sources);
        return;
      case 'source':
        this._setSources([message.source]);
        return;
      case 'serving':
        this._serving = message.serving;
        this._frame.note({ serving: true });
        return;
      case 'snapshot':
      case 'change':
        this._rows(message);
        return;
      case 'quota':
        this._places.get(message.source)?.setQuota(message.quota, message.devices ?? []);
        this._frame.note({ quota: true });
        return;
      case 'job':
        this._jobsOf(message).forEach(job => job.update(message));
        return;
      case 'lines':
        this._piece(message);
        return;
      case 'refused':
        this._refused(message);
    }
  }

  private _setSources(sources: readonly IPlace['source'][]): void {
    for (const source of sources) {
      const known = this._places.get(source.id);
      if (known) {
        known.setSource(source);
      } else {
        this._places.set(source.id, new Place(source));
      }
    }
    this._entries = null;
    this._frame.note({ places: true, serving: true });
  }

  private _rows(message: Extract<Spoken, { type: 'snapshot' | 'change' }>): void {
    const place = this._places.get(message.source);
    if (!place) {
      return;
    }
    const whole = message.type === 'snapshot';
    const before = whole ? place.snapshot(message) : place.change(message);
    this._entries = null;
    this._frame.note({
      rows: whole ? null : [...before.keys()].map(id => `${message.source}/${id}`)
    });
    before.forEach((row, id) => this._noteEnd(place.find(id), row));
  }

  private _noteEnd(entry: IEntry | null, before: Row | null): void {
    const lived = before !== null && !hasEnded(before.workload.phase);
    if (entry && lived && hasEnded(entry.row.workload.phase)) {
      this._ended.emit(entry);
    }
  }

  private _piece(message: Extract<Spoken, { type: 'lines' }>): void {
    const { channel, number } = message;
    const feed = [...this._feeds].find(each => each.channel === channel);
    try {
      feed?.give(message);
    } finally {
      this._stream.say({ type: 'ack', channel, number });
    }
  }

  private _refused(message: Extract<Spoken, { type: 'refused' }>): void {
    if (message.source && message.id && !message.channel) {
      this._jobsOf({ source: message.source, id: message.id }).forEach(job =>
        job.refuse(message.problem)
      );
    }
  }

  // -- what was asked for --------------------------------------------------------------

  private _jobsOf(key: IKey): readonly OpenJob[] {
    return [...this._jobs].filter(job => sameKey(job, key));
  }

  private _closed(job: OpenJob): void {
    this._jobs.delete(job);
    if (!this._jobsOf(job).length) {
      this._stream.say({ type: 'close', source: job.source, id: job.id });
    }
  }

  private _unfollow(feed: LogFeed): void {
    this._feeds.delete(feed);
    if (!feed.done) {
      this._stream.say({ type: 'unfollow', channel: feed.channel });
    }
  }

  private _channel(): string {
    return `log-${this._channels++}`;
  }

  private readonly _settings: ServerConnection.ISettings;
  private readonly _stream: Stream;
  private readonly _requests: Requests;
  private readonly _presence = new Presence();
  private readonly _places = new Map<string, Place>();
  private readonly _jobs = new Set<OpenJob>();
  private readonly _feeds = new Set<LogFeed>();
  private readonly _looks = new Map<string, readonly string[]>();
  private readonly _changed = new Signal<this, IChanges>(this);
  private readonly _ended = new Signal<this, IEntry>(this);
  private readonly _frame = new Frame(changes => this._changed.emit(changes));
  private _entries: readonly IEntry[] | null = null;
  private _serving: Serving | null = null;
  private _problem: Problem | null = null;
  private _restAfter: number | null = null;
  private _serverRests = 0;
  private _channels = 1;
  private _asOf = 0;
  private _offset = 0;
  private _asking = false;
}

function keyOf({ source, id }: IKey): string {
  return `${source}/${id}`;
}

function sameKey(a: IKey, b: IKey): boolean {
  return a.source === b.source && a.id === b.id;
}
