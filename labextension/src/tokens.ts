import { Token } from '@lumino/coreutils';
import { IDisposable } from '@lumino/disposable';
import { ISignal } from '@lumino/signaling';

import {
  Act,
  Acted,
  Device,
  Fit,
  Job,
  Lines,
  LogLine,
  Matches,
  Problem,
  Quota,
  Row,
  Script,
  Serving,
  Source,
  Sources,
  Wished
} from './generated/wire';

/**
 * How the page stands with the server.
 *
 * `resting`: closed on purpose, since nobody looks or moves anything; on return it catches up.
 * `stale`: lost for more than 3 seconds. `gone`: for more than 30, or refused.
 */
export type Connection = 'connecting' | 'live' | 'resting' | 'stale' | 'gone';

/** Which workload: its source and its id there. */
export interface IKey {
  readonly source: string;
  readonly id: string;
}

/** A workload in a list that may hold several sources. */
export interface IEntry extends IKey {
  readonly row: Row;
}

/** What the page knows of one source. */
export interface IPlace {
  readonly source: Source;
  /** By creation, newest first. */
  readonly entries: readonly IEntry[];
  readonly quota: Quota | null;
  readonly devices: readonly Device[];
  /** True once the first snapshot has come. */
  readonly loaded: boolean;
}

/** What one frame brought; several messages become one. */
export interface IChanges {
  readonly connection: boolean;
  readonly places: boolean;
  readonly quota: boolean;
  readonly serving: boolean;
  /** `source/id` of what came, changed or went; null when everything may have. */
  readonly rows: ReadonlySet<string> | null;
}

/** One opened job: all that its page shows, kept up to date. Disposed, the server forgets it. */
export interface IOpenJob extends IDisposable, IKey {
  /** Null until the first answer; metrics and events are whole, oldest first. */
  readonly job: Job | null;
  readonly problem: Problem | null;
  readonly changed: ISignal<IOpenJob, void>;
}

/** One followed log. A piece is acknowledged when every slot has returned. */
export interface ILogFeed extends IDisposable {
  readonly lines: ISignal<ILogFeed, ILogPiece>;
  /** Why it is not followed, or null; it is tried again when its workload or its place changes. */
  readonly problem: Problem | null;
  readonly problemChanged: ISignal<ILogFeed, void>;
}

export interface ILogPiece {
  readonly lines: readonly LogLine[];
  readonly done: boolean;
}

/** The name of a workload over all places, as `IChanges.rows` writes it. */
export function keyText({ source, id }: IKey): string {
  return `${source}/${id}`;
}

/** Everything that the page knows, and the one way to learn more and to act. */
export interface IStore {
  readonly connection: Connection;
  readonly problem: Problem | null;
  /** Unix seconds of the last word from the server. */
  readonly asOf: number;
  readonly places: readonly IPlace[];
  /** Of all places, newest first. */
  readonly entries: readonly IEntry[];
  readonly serving: Serving | null;
  /** At most once a frame. */
  readonly changed: ISignal<IStore, IChanges>;
  /** A workload that was seen alive has ended; not those that had ended before. */
  readonly ended: ISignal<IStore, IEntry>;

  /** Unix seconds by the server's clock. */
  now(): number;
  find(key: IKey): IEntry | null;
  place(source: string): IPlace | null;
  /** These rows are on the screen: their verdicts and sparks are wanted. */
  look(source: string, ids: readonly string[]): void;
  open(key: IKey): IOpenJob;
  follow(key: IKey, from: { rank?: number; after?: number; tail?: number }): ILogFeed;
  /** Connect again now. */
  retry(): void;
  /** Seconds without input after which the connection rests; null: as the server says. */
  restAfter(seconds: number | null): void;

  /**
   * Do one thing to any number of workloads.
   *
   * @throws ApiError when the whole call is refused; one workload's refusal is in the answer
   */
  act(source: string, act: Act): Promise<Acted>;
  choose(source: string): Promise<Serving>;
  /** Take a cluster off the list of those that were used; nothing on it is touched. */
  forget(source: string): Promise<Sources>;
  /**
   * Whether jobs of a size would start; nothing is made.
   *
   * @throws ApiError when what is wished for makes no sense
   */
  fits(source: string, wished: Wished): Promise<Fit>;
  script(key: IKey): Promise<Script>;
  lines(
    key: IKey,
    of: { before?: number; after?: number; rank?: number; count?: number }
  ): Promise<Lines>;
  search(
    key: IKey,
    of: { text: string; rank?: number; after?: number; matchCase?: boolean }
  ): Promise<Matches>;
  /** The address of a download, for an anchor; it carries no token. */
  logUrl(key: IKey, rank?: number): string;
  outputUrl(key: IKey, path: string): string;
}

export const IStore = new Token<IStore>(
  'cnai-lab:IStore',
  'What the page knows of workloads and quotas, live.'
);

/** Opens pages; other plugins ask for it by command where they can. */
export const Commands = {
  /** Args: IKey; shows the job's page. */
  open: 'cnai:open-job',
  /** Args: IKey, and `evidence` or `at: 'logs'`. */
  logs: 'cnai:open-logs',
  /** Args: { keys: IKey[] }. */
  stop: 'cnai:stop',
  suspend: 'cnai:suspend',
  resume: 'cnai:resume',
  rerun: 'cnai:rerun',
  delete: 'cnai:delete',
  /** Args: IKey; inserts the line that attaches to the job. */
  copyAsCell: 'cnai:copy-as-cell',
  trainCell: 'cnai:train-function',
  showPanel: 'cnai:show-panel',
  refreshConnection: 'cnai:reconnect',
  openExample: 'cnai:open-example',
  insertExample: 'cnai:insert-example'
} as const;
