import { IEntry } from '../../tokens';
import { shownName } from '../../words';
import { Part } from './amounts';

export type SortBy = 'created' | 'name' | 'phase';

/** The workloads behind one number of a gauge. */
export interface IBehind {
  readonly source: string;
  readonly label: string;
  readonly part: Part;
  /** Asked each time, since workloads come and go while the list shows them. */
  readonly names: () => ReadonlySet<string>;
}

/** Which jobs the list shows, and in which order. */
export interface IQuery {
  readonly text: string;
  /** '' is all. */
  readonly phase: string;
  /** '' is all. */
  readonly source: string;
  readonly behind: IBehind | null;
  readonly sort: SortBy;
}

export const EVERYTHING: IQuery = {
  text: '',
  phase: '',
  source: '',
  behind: null,
  sort: 'created'
};

/** In the order in which a job goes through them. */
export const PHASES = [
  'Queued',
  'Starting',
  'Running',
  'Ready',
  'Succeeded',
  'Failed',
  'Stopped'
] as const;

/** True when the query leaves jobs out. */
export function narrows(query: IQuery): boolean {
  return Boolean(query.text.trim() || query.phase || query.source || query.behind);
}

/** What decides whether a job is shown. */
export function matcher(query: IQuery): (entry: IEntry) => boolean {
  const words = query.text.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const { phase, source, behind } = query;
  const names = behind?.names();
  return entry => {
    const { workload } = entry.row;
    if ((phase && workload.phase !== phase) || (source && entry.source !== source)) {
      return false;
    }
    if (behind && !(entry.source === behind.source && names?.has(workload.name))) {
      return false;
    }
    return words.length === 0 || words.every(word => searched(entry).includes(word));
  };
}

const texts = new WeakMap<object, string>();

function searched(entry: IEntry): string {
  const { workload } = entry.row;
  let text = texts.get(workload);
  if (text === undefined) {
    const parts = [shownName(workload), workload.name, workload.origin?.notebook];
    text = parts.filter(Boolean).join('\n').toLocaleLowerCase();
    texts.set(workload, text);
  }
  return text;
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

/** How to sort; null keeps the store's order, newest first. */
export function comparer(sort: SortBy): ((a: IEntry, b: IEntry) => number) | null {
  if (sort === 'name') {
    return (a, b) =>
      collator.compare(shownName(a.row.workload), shownName(b.row.workload)) || newest(a, b);
  }
  if (sort === 'phase') {
    return (a, b) => rank(a) - rank(b) || newest(a, b);
  }
  return null;
}

function newest(a: IEntry, b: IEntry): number {
  return (b.row.workload.created ?? 0) - (a.row.workload.created ?? 0);
}

function rank(entry: IEntry): number {
  const at = (PHASES as readonly string[]).indexOf(entry.row.workload.phase);
  return at < 0 ? PHASES.length : at;
}
