import { revealed } from '../../foreign';

/** A line as a terminal would show it, with nothing in it that anything would obey. */
export interface IShown {
  /** The visible characters. */
  readonly plain: string;
  /** The same with its colours as SGR sequences and no other; null when it has none. */
  readonly coloured: string | null;
}

const LONGEST = 20_000;
const MARKS = 30;
const CODES = 32;

/* eslint-disable no-control-regex -- control characters are what this is about */
const HARMFUL =
  /[\x00-\x08\x0a-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|\p{Cs}/u;
const SURROGATE = /\p{Cs}/gu;
// Linear: in no alternative does a repeated class overlap what may follow it.
const TOKEN =
  /(?<text>[^\x00-\x1f\x7f-\x9f]+)|(?:\x1b\[|\x9b)(?<args>[0-?]*)[ -/]*(?<final>[@-~]?)|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x00-\x08\x0a-\x1f\x7f-\x9f]*(?:\x07|\x1b\\|\x9c)|\x1b[ -/]*[0-~]?|(?<control>[\x00-\x1f\x7f-\x9f])/gu;
/* eslint-enable no-control-regex */
const ZERO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}]$/u;

/**
 * What a terminal would show of one line: a carriage return overwrites, colours stay, links, titles
 * and cursor moves are gone, and characters that hide or reorder others are written as ⟨U+202E⟩.
 */
export function shown(whole: string): IShown {
  const text = whole.length > LONGEST ? `${whole.slice(0, LONGEST)}…` : whole;
  if (!HARMFUL.test(text)) {
    return { plain: text, coloured: null };
  }
  return new Screen().show(revealed(text.replace(SURROGATE, '\ufffd')));
}

/** Where a text stands in another, as ranges, not minding the case. */
export function occurrences(text: string, sought: string): [number, number][] {
  if (sought === '') {
    return [];
  }
  const found: [number, number][] = [];
  const within = text.toLowerCase();
  const what = sought.toLowerCase();
  if (within.length !== text.length) {
    return [];
  }
  for (let at = within.indexOf(what); at >= 0; at = within.indexOf(what, at + what.length)) {
    found.push([at, at + what.length]);
  }
  return found;
}

interface ICell {
  text: string;
  /** SGR codes in force, joined by ';'; the renderer says what they mean. */
  style: string;
}

/** One line as cells, so that what comes later can overwrite what came before. */
class Screen {
  private readonly _cells: ICell[] = [];
  private _column = 0;
  private _codes: string[] = [];

  show(text: string): IShown {
    for (const match of text.matchAll(TOKEN)) {
      const { text: printed, args, final, control } = match.groups ?? {};
      if (printed !== undefined) {
        this._print(printed);
      } else if (args !== undefined) {
        this._sequence(args, final ?? '');
      } else if (control !== undefined) {
        this._control(control);
      }
    }
    return this._read();
  }

  private _print(text: string): void {
    const style = this._codes.join(';');
    while (this._cells.length < this._column) {
      this._cells.push({ text: ' ', style: '' });
    }
    for (const char of text) {
      const before = this._cells[this._column - 1];
      if (before !== undefined && ZERO_WIDTH.test(char)) {
        before.text += before.text.length <= MARKS ? char : '';
        continue;
      }
      this._cells[this._column] = { text: char, style };
      this._column += 1;
    }
  }

  private _control(char: string): void {
    if (char === '\r') {
      this._column = 0;
    } else if (char === '\b') {
      this._column = Math.max(this._column - 1, 0);
    } else if (char === '\t' || char === '\n') {
      this._print(char === '\t' ? '\t' : ' ');
    }
  }

  private _sequence(args: string, final: string): void {
    if (final === 'm') {
      this._style(args);
    } else if (final === 'K') {
      this._erase(args);
    }
  }

  private _style(args: string): void {
    if (!/^[\d;:]*$/.test(args)) {
      return;
    }
    const codes = args.split(/[;:]/).map(code => String(Number(code.slice(0, 6))));
    // A 0 among the parts of an extended colour is no reset.
    const extended = codes.findIndex(code => code === '38' || code === '48');
    const reset = (extended < 0 ? codes : codes.slice(0, extended)).lastIndexOf('0');
    if (reset >= 0) {
      this._codes = [];
    }
    this._codes = [...this._codes, ...codes.slice(reset + 1)].slice(-CODES);
  }

  private _erase(which: string): void {
    if (which === '' || which === '0') {
      this._cells.length = Math.min(this._cells.length, this._column);
    } else if (which === '1') {
      const end = Math.min(this._column + 1, this._cells.length);
      this._cells.fill({ text: ' ', style: '' }, 0, end);
    } else if (which === '2') {
      this._cells.length = 0;
    }
  }

  private _read(): IShown {
    const plain = this._cells.map(cell => cell.text).join('');
    if (this._cells.every(cell => cell.style === '')) {
      return { plain, coloured: null };
    }
    let coloured = '';
    let style = '';
    for (const cell of this._cells) {
      if (cell.style !== style) {
        coloured += cell.style === '' ? '\x1b[0m' : `\x1b[0;${cell.style}m`;
        style = cell.style;
      }
      coloured += cell.text;
    }
    return { plain, coloured: `${coloured}\x1b[0m` };
  }
}
