import { ServerConnection } from '@jupyterlab/services';

import { LOCAL, NOW, row } from '../../__tests__/fakes';
import { Hello, Phase, Row, Source } from '../../generated/wire';
import { Heard, Spoken } from '../../stream';

type Said = Heard['type'];

/** A socket of a page; the test is its server. */
export class Socket {
  constructor(readonly url: string) {}
  readyState = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  readonly heard: Heard[] = [];

  send(data: string): void {
    this.heard.push(JSON.parse(data) as Heard);
  }

  close(): void {
    this.readyState = 3;
  }

  // -- what the server does ------------------------------------------------------------

  accept(): this {
    this.readyState = 1;
    this.onopen?.();
    return this;
  }

  say(...messages: (Spoken | { type: string } | string)[]): void {
    for (const message of messages) {
      this.onmessage?.({ data: typeof message === 'string' ? message : JSON.stringify(message) });
    }
  }

  cut(): void {
    this.readyState = 3;
    this.onclose?.();
  }

  only<T extends Said>(type: T): Extract<Heard, { type: T }>[] {
    return this.heard.filter((each): each is Extract<Heard, { type: T }> => each.type === type);
  }
}

/** A server whose sockets a test holds in its hands. */
export class Server {
  readonly sockets: Socket[] = [];
  readonly asked: Request[] = [];
  /** What a request is answered with, or nothing when the server is not there. */
  answer: (request: Request) => Response | null = () => null;

  settings(more: Partial<ServerConnection.ISettings> = {}): ServerConnection.ISettings {
    const { sockets } = this;
    return ServerConnection.makeSettings({
      baseUrl: 'http://localhost/user/ann/',
      wsUrl: 'ws://localhost/user/ann/',
      token: '',
      appendToken: false,
      WebSocket: class {
        constructor(url: string) {
          const socket = new Socket(url);
          sockets.push(socket);
          return socket;
        }
      } as unknown as typeof WebSocket,
      fetch: input => {
        this.asked.push(input as Request);
        const answer = this.answer(input as Request);
        return answer ? Promise.resolve(answer) : Promise.reject(new TypeError('not reached'));
      },
      ...more
    });
  }

  get last(): Socket {
    return this.sockets[this.sockets.length - 1]!;
  }

  /** The newest socket, accepted and welcomed. */
  welcome(more: Partial<Hello> = {}): Socket {
    const socket = this.last.accept();
    socket.say(hello(more));
    return socket;
  }
}

export function hello(more: Partial<Hello> = {}): Hello {
  return {
    type: 'hello',
    version: '0.1.0',
    protocol: 1,
    sources: [LOCAL],
    serving: { backend: 'local', why: 'default' },
    now: NOW,
    beat: 10,
    rest_after: 300,
    ...more
  };
}

export function snapshot(rows: Row[], more: { seq?: number; epoch?: string } = {}): Spoken {
  return { type: 'snapshot', source: 'local', epoch: 'a', seq: 1, now: NOW, rows, ...more };
}

export function change(
  seq: number,
  rows: Row[],
  more: { deleted?: string[]; epoch?: string } = {}
): Spoken {
  return { type: 'change', source: 'local', epoch: 'a', seq, now: NOW, rows, ...more };
}

/** A row by name, in a phase, made so many seconds ago. */
export function made(name: string, phase: Phase = 'Running', ago = 80): Row {
  return row(name, { phase, created: NOW - ago });
}

export const CLUSTER: Source = { id: 'team-a', name: 'kubernetes', place: 'team-a on gpu-lab' };
