import { IEntry, keyText } from '../../tokens';

interface IShown {
  entry: IEntry;
  at: number;
}

/** Lets the text of a row change at most once in `every` milliseconds; a phase never waits. */
export class Pace {
  constructor(
    private readonly every = 250,
    private readonly clock: () => number = () => performance.now()
  ) {}

  /** What to show of these rows now. Rows that are not among them are forgotten. */
  show(entries: readonly IEntry[]): readonly IEntry[] {
    const now = this.clock();
    const before = this._shown;
    this._shown = new Map();
    this.wait = Infinity;
    return entries.map(entry => {
      const shown = before.get(keyText(entry));
      const next = shown ? this._next(shown, entry, now) : { entry, at: now - this.every };
      this._shown.set(keyText(entry), next);
      return next.entry;
    });
  }

  /** Milliseconds until a row that waits may change; Infinity when none waits. */
  wait = Infinity;

  private _next(shown: IShown, entry: IEntry, now: number): IShown {
    if (shown.entry.row === entry.row) {
      return shown;
    }
    const due = shown.at + this.every - now;
    if (due <= 0 || shown.entry.row.workload.phase !== entry.row.workload.phase) {
      return { entry, at: now };
    }
    this.wait = Math.min(this.wait, due);
    return shown;
  }

  private _shown = new Map<string, IShown>();
}
