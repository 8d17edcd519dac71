import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import { IDisposable } from '@lumino/disposable';

import { ROOT } from './api';
import { Hello, Stream as Wire } from './generated/wire';
import { PROTOCOL } from './handshake/verdict';
import { Connection } from './tokens';

export type Spoken = NonNullable<Wire['spoken']>;
export type Heard = NonNullable<Wire['heard']>;

const STALE_AFTER = 3_000;
const GONE_AFTER = 30_000;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;
/** A connection that lasted this long was a good one: the next waits are short again. */
const STEADY_AFTER = 10_000;
const BEATS_MISSED = 3;
const BEAT = 10;
/** Of a WebSocket, as its `readyState` says it. */
const OPEN = 1;

/** Who listens to the stream. */
export interface IListener {
  /** What to say first on each new socket. */
  greeting(): readonly Heard[];
  heard(message: Spoken): void;
  connectionChanged(connection: Connection): void;
  /** The server could not be reached; a chance to ask by HTTP why. */
  failed(): void;
  /** The server speaks another protocol; there is no use in connecting again. */
  mismatched(hello: Hello): void;
}

/** The one WebSocket of the page: connects again by itself, and rests while nobody looks. */
export class Stream implements IDisposable {
  constructor(
    private readonly _settings: ServerConnection.ISettings,
    private readonly _listener: IListener
  ) {}

  get connection(): Connection {
    return this._connection;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  /** Send, when the socket is open; what matters on a new socket belongs into the greeting. */
  say(message: Heard): void {
    if (this._socket?.readyState === OPEN && this._greeted) {
      this._socket.send(JSON.stringify(message));
    }
  }

  /** Connect now, unless it is connected or about to be. */
  connect(): void {
    if (this._disposed || this._socket) {
      return;
    }
    window.clearTimeout(this._again);
    if (this._connection === 'resting') {
      this._set('connecting');
    }
    this._greeted = false;
    const socket = new this._settings.WebSocket(this._url());
    this._socket = socket;
    this._watchSilence();
    socket.onopen = () => {
      this._greeted = true;
      this._listener.greeting().forEach(message => this.say(message));
    };
    socket.onmessage = event => this._hear(String(event.data));
    socket.onclose = () => this._lost();
  }

  /** Connect now, also where an attempt hangs or the next one is far off. */
  retry(): void {
    if (this._connection !== 'live') {
      this._waits = 0;
      this._drop();
      this.connect();
    }
  }

  /** Close on purpose: no fault, and no reconnect until `connect`. */
  rest(): void {
    window.clearTimeout(this._again);
    this._drop();
    this._forgetLoss();
    this._set('resting');
  }

  /** While it is lost: the server is there, and will not have this page. */
  refused(): void {
    if (!this._greeted && this._connection !== 'resting') {
      this._forgetLoss();
      this._set('gone');
    }
  }

  dispose(): void {
    this._disposed = true;
    window.clearTimeout(this._again);
    this._forgetLoss();
    this._drop();
  }

  private _url(): string {
    const { wsUrl, appendToken, token } = this._settings;
    const url = URLExt.join(wsUrl, ROOT, 'stream');
    return appendToken && token ? `${url}?token=${encodeURIComponent(token)}` : url;
  }

  private _hear(data: string): void {
    const message = spoken(data);
    if (message === null) {
      return;
    }
    if (message.type === 'hello' && !this._welcomed(message)) {
      return;
    }
    this._watchSilence();
    this._listener.heard(message);
  }

  private _welcomed(hello: Hello): boolean {
    this._forgetLoss();
    if (hello.protocol !== PROTOCOL) {
      this._drop();
      this._listener.mismatched(hello);
      this._set('gone');
      return false;
    }
    this._beat = hello.beat ?? BEAT;
    this._since = Date.now();
    this._set('live');
    return true;
  }

  /** A network that has gone away closes nothing: silence is the sign. */
  private _watchSilence(): void {
    window.clearTimeout(this._silence);
    this._silence = window.setTimeout(
      () => {
        const wasLive = this._connection === 'live';
        this._lost();
        if (wasLive) {
          this._set('stale');
        }
      },
      this._beat * BEATS_MISSED * 1000
    );
  }

  private _drop(): void {
    window.clearTimeout(this._silence);
    const socket = this._socket;
    this._socket = null;
    this._greeted = false;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
  }

  private _lost(): void {
    this._drop();
    this._mourn();
    if (Date.now() - this._since >= STEADY_AFTER) {
      this._waits = 0;
    }
    this._since = Infinity;
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this._waits++);
    this._again = window.setTimeout(() => this.connect(), wait * (0.5 + Math.random() / 2));
    this._listener.failed();
  }

  /** Say that it is lost, not at once: most losses last less than a glance. */
  private _mourn(): void {
    if (this._losses.length || this._connection === 'gone') {
      return;
    }
    this._losses = [
      window.setTimeout(() => this._set('stale'), STALE_AFTER),
      window.setTimeout(() => this._set('gone'), GONE_AFTER)
    ];
  }

  private _forgetLoss(): void {
    this._losses.forEach(timer => window.clearTimeout(timer));
    this._losses = [];
  }

  private _set(connection: Connection): void {
    if (connection !== this._connection) {
      this._connection = connection;
      this._listener.connectionChanged(connection);
    }
  }

  private _connection: Connection = 'connecting';
  private _socket: WebSocket | null = null;
  private _greeted = false;
  private _beat = BEAT;
  private _waits = 0;
  private _since = Infinity;
  private _again: number | undefined;
  private _silence: number | undefined;
  private _losses: number[] = [];
  private _disposed = false;
}

/** The message, or null for what is none; one of a type that is not known does no harm. */
function spoken(data: string): Spoken | null {
  try {
    const message: unknown = JSON.parse(data);
    return typeof message === 'object' && message !== null && 'type' in message
      ? (message as Spoken)
      : null;
  } catch {
    return null;
  }
}
