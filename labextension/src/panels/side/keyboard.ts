/** What a key does in the list. */
export type Intent =
  | { readonly do: 'move'; readonly to: number; readonly extend: boolean }
  | { readonly do: 'find'; readonly text: string }
  | { readonly do: 'all' | 'open' | 'select' | 'delete' | 'menu' | 'filter' | 'enter' | 'escape' };

interface IPress {
  readonly key: string;
  readonly shiftKey: boolean;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
}

interface IWhere {
  readonly at: number;
  readonly count: number;
  /** Rows that fit in the window. */
  readonly page: number;
  /** True while something is being typed, so that a space or a slash belongs to it. */
  readonly typing: boolean;
}

/** What the person means by a key; null leaves it to the browser. */
export function intentOf(press: IPress, where: IWhere): Intent | null {
  const { key, shiftKey } = press;
  if (press.altKey) {
    return null;
  }
  if (press.ctrlKey || press.metaKey) {
    return key.toLowerCase() === 'a' && !shiftKey ? { do: 'all' } : null;
  }
  const to = target(key, where);
  if (to !== null) {
    return { do: 'move', to, extend: shiftKey };
  }
  if (key === 'F10' && shiftKey) {
    return { do: 'menu' };
  }
  const named = NAMED[key];
  if (named && !(where.typing && (key === ' ' || key === '/'))) {
    return { do: named };
  }
  return key.length === 1 ? { do: 'find', text: key } : null;
}

const NAMED: Record<string, Exclude<Intent['do'], 'move' | 'find'>> = {
  Enter: 'open',
  ' ': 'select',
  Delete: 'delete',
  ContextMenu: 'menu',
  '/': 'filter',
  ArrowRight: 'enter',
  Escape: 'escape'
};

function target(key: string, { at, count, page }: IWhere): number | null {
  const last = count - 1;
  const clip = (index: number) => Math.min(Math.max(index, 0), Math.max(last, 0));
  switch (key) {
    case 'ArrowDown':
      return clip(at + 1);
    case 'ArrowUp':
      return clip(at - 1);
    case 'PageDown':
      return clip(at + page);
    case 'PageUp':
      return clip(at - page);
    case 'Home':
      return 0;
    case 'End':
      return clip(last);
    default:
      return null;
  }
}

/** Collects what is typed to find a row; a pause starts anew. */
export class TypeAhead {
  constructor(
    private readonly pause = 1000,
    private readonly clock: () => number = () => performance.now()
  ) {}

  get typing(): boolean {
    return this._text !== '' && this.clock() - this._at < this.pause;
  }

  /** The index of the next row whose name starts with what was typed; -1 when there is none. */
  find(letter: string, names: readonly string[], from: number): number {
    this._text = (this.typing ? this._text : '') + letter.toLocaleLowerCase();
    this._at = this.clock();
    const first = this._text.length === 1 ? from + 1 : from;
    for (let step = 0; step < names.length; step++) {
      const index = (first + step) % names.length;
      if (names[index]?.toLocaleLowerCase().startsWith(this._text)) {
        return index;
      }
    }
    return -1;
  }

  private _text = '';
  private _at = -Infinity;
}
