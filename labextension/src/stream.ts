import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import { IDisposable } from '@lumino/disposable';

import { Stream as Wire } from './generated/wire';
import { Connection } from './tokens';

export type Spoken = NonNullable<Wire['spoken']>;
export type Heard = NonNullable<Wire['heard']>;

const STALE_AFTER = 3_000;
const GONE_AFTER = 30_000;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;
const BEATS_MISSED = 3;
const BEAT = 10;

/** Who listens to the stream. */
export interface IListener {
  /** What to say first on each new socket. */
  greeting(): readonly Heard[];
  heard(message: Spoken): void;
  connectionChanged(connection: Connection): void;
  /** The server could not be reached; a chance to ask by HTTP why. */
  failed(): void;
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
    if (this._socket?.readyState === 1 && this._greeted) {
      this._socket.send(JSON.stringify(message));
    }
  }

  /** Connect now, unless it is connected. */
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
    socket.onclose = () => this._lost(socket);
  }

  /** Close on purpose: no fault, and no reconnect until `connect`. */
  rest(): void {
    window.clearTimeout(this._again);
    this._drop();
    this._forgetLoss();
    this._set('resting');
  }

  dispose(): void {
    this._disposed = true;
    window.clearTimeout(this._again);
    this._forgetLoss();
    this._drop();
  }

  private _url(): string {
    const { wsUrl, appendToken, token } = this._settings;
    const url = URLExt.join(wsUrl, 'cnai/api/stream');
    return appendToken && token ? `${url}?token=${encodeURIComponent(token)}` : url;
  }

  private _hear(data: string): void {
    const message = JSON.parse(data) as Spoken;
    if (message.type === 'hello') {
      this._beat = message.beat ?? BEAT;
      this._waits = 0;
      this._forgetLoss();
      this._set('live');
    }
    this._watchSilence();
    this._listener.heard(message);
  }

  /** A network that has gone away closes nothing: silence is the sign. */
  private _watchSilence(): void {
    window.clearTimeout(this._silence);
    const socket = this._socket;
    this._silence = window.setTimeout(
      () => {
        if (socket && socket === this._socket) {
          this._drop();
          this._lost(socket);
        }
      },
      this._beat * BEATS_MISSED * 1000
    );
  }

  private _drop(): void {
    window.clearTimeout(this._silence);
    const socket = this._socket;
    this._socket = null;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
  }

  private _lost(socket: WebSocket): void {
    if (this._socket && this._socket !== socket) {
      return;
    }
    this._drop();
    if (this._disposed) {
      return;
    }
    this._mourn();
    this._listener.failed();
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this._waits++);
    this._again = window.setTimeout(() => this.connect(), wait * (0.5 + Math.random() / 2));
  }

  /** Say that it is lost, not at once: most losses last less than a glance. */
  private _mourn(): void {
    if (this._losses.length) {
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
  private _again: number | undefined;
  private _silence: number | undefined;
  private _losses: number[] = [];
  private _disposed = false;
}
