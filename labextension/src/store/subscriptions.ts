import { JobUpdate, LogPiece, NotDone } from '../generated/wire';
import { Heard } from '../stream';
import { IKey, keyText } from '../tokens';
import { IFrom, LogFeed } from './logFeed';
import { OpenJob } from './openJob';

/** As many as one message may name. */
const MOST_LOOKED_AT = 200;

/** What the page asked the stream for, beyond the lists; asked again on each new socket. */
export class Subscriptions {
  constructor(private readonly _say: (message: Heard) => void) {}

  look(source: string, ids: readonly string[]): void {
    const seen = ids.slice(0, MOST_LOOKED_AT);
    this._looks.set(source, seen);
    this._say({ type: 'look', source, ids: seen });
  }

  open(key: IKey): OpenJob {
    const job = new OpenJob(key, this._jobsOf(key)[0]?.job ?? null, closed => this._closed(closed));
    this._jobs.add(job);
    this._say(opening(job)); // which changes nothing where the server has it open
    return job;
  }

  follow(key: IKey, from: IFrom): LogFeed {
    const feed = new LogFeed(key, from, closed => this._unfollow(closed));
    this._feeds.add(feed);
    this._say(feed.follow(this._channel()));
    return feed;
  }

  /** All of it, for a new socket. */
  greeting(): readonly Heard[] {
    const opened = new Map([...this._jobs].map(job => [keyText(job), job]));
    return [
      ...[...this._looks].map(([source, ids]): Heard => ({ type: 'look', source, ids: [...ids] })),
      ...[...opened.values()].map(opening),
      ...[...this._feeds].filter(feed => !feed.done).map(feed => feed.follow(this._channel()))
    ];
  }

  /** What could not be done may go now: these workloads have changed, or all of a source. */
  tryAgain(source: string, ids?: ReadonlySet<string>): void {
    const concerned = (key: IKey): boolean => key.source === source && (!ids || ids.has(key.id));
    this._jobs.forEach(job => {
      if (job.problem && concerned(job)) {
        this._say(opening(job));
      }
    });
    this._feeds.forEach(feed => {
      if (feed.problem && concerned(feed)) {
        this._say(feed.follow(this._channel()));
      }
    });
  }

  update(message: JobUpdate): void {
    const jobs = this._jobsOf(message);
    jobs.forEach(job => job.update(message));
    if (jobs.some(job => job.isLong)) {
      // Begun anew, the server thins it out; a page that stays open for days does not grow.
      jobs.forEach(job => job.expectWhole());
      this._say({ type: 'close', source: message.source, id: message.id });
      this._say(opening(message));
    }
  }

  /** Acknowledged when every slot has returned: then the next piece may come. */
  piece(message: LogPiece): void {
    const { channel, number } = message;
    this._feedOf(channel)?.give(message);
    this._say({ type: 'ack', channel, number });
  }

  refused({ source = '', id = '', channel, problem }: NotDone): void {
    if (channel) {
      this._feedOf(channel)?.refuse(problem);
    } else {
      this._jobsOf({ source, id }).forEach(job => job.refuse(problem));
    }
  }

  private _jobsOf({ source, id }: IKey): readonly OpenJob[] {
    return [...this._jobs].filter(job => job.source === source && job.id === id);
  }

  private _feedOf(channel: string): LogFeed | undefined {
    return [...this._feeds].find(feed => feed.channel === channel);
  }

  private _closed(job: OpenJob): void {
    this._jobs.delete(job);
    if (!this._jobsOf(job).length) {
      this._say({ type: 'close', source: job.source, id: job.id });
    }
  }

  private _unfollow(feed: LogFeed): void {
    this._feeds.delete(feed);
    if (!feed.done) {
      this._say({ type: 'unfollow', channel: feed.channel });
    }
  }

  private _channel(): string {
    return `log-${this._channels++}`;
  }

  private readonly _jobs = new Set<OpenJob>();
  private readonly _feeds = new Set<LogFeed>();
  private readonly _looks = new Map<string, readonly string[]>();
  private _channels = 1;
}

function opening({ source, id }: IKey): Heard {
  return { type: 'open', source, id };
}
