import { ServerConnection } from '@jupyterlab/services';
import { nullTranslator, TranslationBundle } from '@jupyterlab/translation';
import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { request } from '../api';
import {
  Act,
  Acted,
  Fit,
  Hello,
  Lines,
  Matches,
  Problem,
  Row,
  Script,
  Serving,
  Source,
  Sources,
  Wished
} from '../generated/wire';
import { Heard, IListener, Spoken, Stream } from '../stream';
import {
  Connection,
  IChanges,
  IEntry,
  IKey,
  ILogFeed,
  IOpenJob,
  IPlace,
  IStore,
  keyText
} from '../tokens';
import { hasEnded } from '../words';
import { Frame } from './frame';
import { IFrom } from './logFeed';
import { byCreation, Place } from './place';
import { Presence } from './presence';
import { mismatch, refusalOf } from './refusal';
import { Requests } from './requests';
import { Subscriptions } from './subscriptions';

/** What the page knows, fed by the stream; see IStore. */
export class Store implements IStore, IListener, IDisposable {
  constructor(
    private readonly _settings: ServerConnection.ISettings,
    private readonly _trans: TranslationBundle = nullTranslator.load('cnai_lab')
  ) {
    this._stream = new Stream(_settings, this);
    this._requests = new Requests(_settings);
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

  /** The same array until something changes. */
  get places(): readonly IPlace[] {
    this._shown ??= [...this._places.values()].map(place => place.shown);
    return this._shown;
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
    this._asked.look(source, ids);
  }

  open(key: IKey): IOpenJob {
    return this._asked.open(key);
  }

  follow(key: IKey, from: IFrom): ILogFeed {
    return this._asked.follow(key, from);
  }

  retry(): void {
    this._stream.retry();
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

  forget(source: string): Promise<Sources> {
    return this._requests.forget(source);
  }

  fits(source: string, wished: Wished): Promise<Fit> {
    return this._requests.fits(source, wished);
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
    return [{ type: 'start', positions: Object.fromEntries(positions) }, ...this._asked.greeting()];
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

  mismatched(hello: Hello): void {
    this._problem = mismatch(hello, this._trans);
  }

  /** A socket does not say why it was refused; a request does. */
  private async _askWhy(): Promise<void> {
    let problem: Problem | null = null;
    try {
      await request('version?no_track_activity=1', this._settings);
    } catch (error) {
      problem = refusalOf(error, this._trans);
    }
    if (this.connection !== 'live') {
      this._problem = problem;
      if (problem) {
        this._stream.refused();
      }
      this._frame.note({ connection: true });
    }
  }

  heard(message: Spoken): void {
    if ('now' in message) {
      this._offset = message.now - Date.now() / 1000;
    }
    this._asOf = this.now();
    switch (message.type) {
      case 'hello':
        this._serving = message.serving;
        this._serverRests = message.rest_after ?? 0;
        this.restAfter(this._restAfter);
        this._keepOnly(message.sources.map(source => source.id));
        this._setSources(message.sources);
        return;
      case 'source':
        this._setSources([message.source]);
        if (!message.source.problem) {
          this._asked.tryAgain(message.source.id);
        }
        return;
      case 'gone':
        this._keepOnly([...this._places.keys()].filter(id => id !== message.source));
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
        this._shown = null;
        this._frame.note({ quota: true });
        return;
      case 'job':
        this._asked.update(message);
        return;
      case 'lines':
        this._asked.piece(message);
        return;
      case 'refused':
        this._asked.refused(message);
    }
  }

  /** A place may be forgotten, and a server that was started anew may watch fewer. */
  private _keepOnly(sources: readonly string[]): void {
    const there = new Set(sources);
    const gone = [...this._places.keys()].filter(id => !there.has(id));
    gone.forEach(id => this._places.delete(id));
    if (gone.length) {
      this._shown = this._entries = null;
      this._frame.note({ places: true, quota: true, rows: null });
    }
  }

  private _setSources(sources: readonly Source[]): void {
    for (const source of sources) {
      const known = this._places.get(source.id);
      if (known) {
        known.setSource(source);
      } else {
        this._places.set(source.id, new Place(source));
      }
    }
    this._shown = this._entries = null;
    this._frame.note({ places: true, serving: true });
  }

  private _rows(message: Extract<Spoken, { type: 'snapshot' | 'change' }>): void {
    const { source, type } = message;
    const place = this._places.get(source);
    if (!place) {
      return;
    }
    const before = type === 'snapshot' ? place.snapshot(message) : place.change(message);
    this._shown = this._entries = null;
    this._frame.note({
      rows: type === 'snapshot' ? null : [...before.keys()].map(id => keyText({ source, id }))
    });
    before.forEach((row, id) => this._noteEnd(place.find(id), row));
    this._asked.tryAgain(source, new Set(before.keys()));
  }

  private _noteEnd(entry: IEntry | null, before: Row | null): void {
    const lived = before !== null && !hasEnded(before.workload.phase);
    if (!entry || !lived || !hasEnded(entry.row.workload.phase)) {
      return;
    }
    const key = keyText(entry);
    if (!this._told.has(key)) {
      this._told.add(key);
      this._ended.emit(entry);
    }
  }

  private readonly _stream: Stream;
  private readonly _requests: Requests;
  private readonly _presence = new Presence();
  private readonly _places = new Map<string, Place>();
  private readonly _asked = new Subscriptions(message => this._stream.say(message));
  private readonly _changed = new Signal<this, IChanges>(this);
  private readonly _ended = new Signal<this, IEntry>(this);
  private readonly _frame = new Frame(changes => this._changed.emit(changes));
  /** Ends that were told; each is told once. */
  private readonly _told = new Set<string>();
  private _entries: readonly IEntry[] | null = null;
  private _shown: readonly IPlace[] | null = null;
  private _serving: Serving | null = null;
  private _problem: Problem | null = null;
  private _restAfter: number | null = null;
  private _serverRests = 0;
  private _asOf = 0;
  private _offset = 0;
  private _asking = false;
}
