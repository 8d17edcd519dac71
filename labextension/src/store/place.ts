import { Device, Quota, Row, RowsChange, RowsSnapshot, Source } from '../generated/wire';
import { IEntry, IPlace } from '../tokens';

/** One source as the page knows it. What it hands out is never changed afterwards. */
export class Place {
  constructor(source: Source) {
    this._source = source;
  }

  get position(): { epoch: string; seq: number } | null {
    return this._epoch === null ? null : { epoch: this._epoch, seq: this._seq };
  }

  /** The place as it is now; the same object until something changes. */
  get shown(): IPlace {
    this._shown ??= {
      source: this._source,
      entries: this.entries,
      quota: this._quota,
      devices: this._devices,
      loaded: this._epoch !== null
    };
    return this._shown;
  }

  /** By creation, newest first. */
  get entries(): readonly IEntry[] {
    this._order ??= [...this._rows.values()].sort(byCreation).map(entry => entry.id);
    this._entries ??= this._order.map(id => this._rows.get(id)!);
    return this._entries;
  }

  find(id: string): IEntry | null {
    return this._rows.get(id) ?? null;
  }

  setSource(source: Source): void {
    this._source = source;
    this._shown = null;
  }

  setQuota(quota: Quota, devices: readonly Device[]): void {
    this._quota = quota;
    this._devices = devices;
    this._shown = null;
  }

  /** What changed: the rows as they were before, by id; null for new ones. */
  snapshot(message: RowsSnapshot): Map<string, Row | null> {
    const before = new Map<string, Row | null>();
    message.rows.forEach(row => before.set(row.workload.id, this._row(row.workload.id)));
    this._rows = new Map(message.rows.map(row => [row.workload.id, this._entry(row)]));
    this._moved(message, true);
    return before;
  }

  /** As `snapshot`; nothing, for changes that are known or belong to rows that are not these. */
  change(message: RowsChange): Map<string, Row | null> {
    const before = new Map<string, Row | null>();
    if (message.epoch !== this._epoch || message.seq <= this._seq) {
      return before;
    }
    let reordered = false;
    for (const row of message.rows ?? []) {
      const { id, created } = row.workload;
      const known = this._row(id);
      before.set(id, known);
      reordered ||= known?.workload.created !== created;
      this._rows.set(id, this._entry(row));
    }
    for (const id of message.deleted ?? []) {
      before.set(id, this._row(id));
      reordered = this._rows.delete(id) || reordered;
    }
    this._moved(message, reordered);
    return before;
  }

  private _entry(row: Row): IEntry {
    return { source: this._source.id, id: row.workload.id, row };
  }

  private _row(id: string): Row | null {
    return this._rows.get(id)?.row ?? null;
  }

  /** Where entries were only replaced the order stays, and is not sorted again. */
  private _moved({ epoch, seq }: { epoch: string; seq: number }, reordered: boolean): void {
    this._epoch = epoch;
    this._seq = seq;
    this._shown = this._entries = null;
    this._order = reordered ? null : this._order;
  }

  private _source: Source;
  private _rows = new Map<string, IEntry>();
  private _order: readonly string[] | null = null;
  private _entries: readonly IEntry[] | null = null;
  private _shown: IPlace | null = null;
  private _quota: Quota | null = null;
  private _devices: readonly Device[] = [];
  private _epoch: string | null = null;
  private _seq = 0;
}

/** Newest first; of the same moment, by id, so that the order never wavers. */
export function byCreation(a: IEntry, b: IEntry): number {
  const later = (b.row.workload.created ?? 0) - (a.row.workload.created ?? 0);
  return later || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}
