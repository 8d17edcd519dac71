import { IEntry, keyText } from '../../tokens';
import { comparer, IQuery, matcher } from './query';

/** What the list shows now. */
export interface IArranged {
  readonly entries: readonly IEntry[];
  /** Jobs that match and wait until nobody would be disturbed. */
  readonly fresh: number;
  /** Jobs that do not match the query. */
  readonly others: number;
}

/**
 * The order of the list, which does not change while somebody points at it.
 *
 * Held, the rows that are there stay, also those that no longer match, and new ones wait.
 */
export class Arrangement {
  /**
   * @param all - every job, newest first
   * @param held - the list is scrolled, hovered or focused
   */
  arrange(all: readonly IEntry[], query: IQuery, held: boolean): IArranged {
    const keep = held && query === this._query && this._shown.length > 0;
    this._query = query;
    const matches = matcher(query);
    const matching = all.filter(matches);
    const others = all.length - matching.length;
    if (!keep) {
      this._shown = this._sorted(matching, query);
      return { entries: this._shown, fresh: 0, others };
    }
    const now = new Map(all.map(entry => [keyText(entry), entry]));
    this._shown = this._shown.flatMap(entry => now.get(keyText(entry)) ?? []);
    const shown = new Set(this._shown.map(keyText));
    const fresh = matching.filter(entry => !shown.has(keyText(entry))).length;
    return { entries: this._shown, fresh, others };
  }

  private _sorted(matching: readonly IEntry[], query: IQuery): readonly IEntry[] {
    const compare = comparer(query.sort);
    return compare ? [...matching].sort(compare) : matching;
  }

  private _query: IQuery | null = null;
  private _shown: readonly IEntry[] = [];
}
