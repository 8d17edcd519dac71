import { Fields, fit, fitCut, PIECE, phraseOf } from './phrase';

/** English to another language, both with fields in braces: 'Worker {rank} ended.' */
export type Templates = Readonly<Record<string, string>>;

interface IPhrase {
  /** The English: pieces that stand fast and names of fields in turn. */
  readonly pieces: readonly string[];
  readonly other: string;
  /** How many characters of it stand fast. */
  readonly firm: number;
}

const FIELDS = /\{(\w+)\}/g;
const LATIN = /[A-Za-z]{2}/;
const WORD = /\w+/g;
const ENDED = /[.!?…。！？：:]['"’”)`]*$/;
/** Where one sentence may end and the next begin; what belongs together is put together again. */
const BREAK = /(?<=[.!?]['"’”)`]*) (?=\S)/;
const LISTED = '; ';
/** What stands in quotes is a name. */
const QUOTE = /['"`‘“]$/;
const IN_PARENTHESES = / \([^()]*\)$/;
const IN_ANY_PARENTHESES = /\s*[(（][^()（）]*[)）]$/;
/** Of what was cut short, so many characters have to be there to know it by. */
const ENOUGH = 8;
/** A template with fewer that stand fast has only a few words in a field. */
const PLENTY = 14;
const FEW = 3;
const SHORT = 64;
const LONG = 4_000;
const DEEP = 4;
const MOST_SENTENCES = 24;
const REMEMBERED = 5_000;

/** Finds the template that a text fits, and says it in the other language. */
export class Phrasebook {
  constructor(templates: Templates) {
    for (const [english, other] of Object.entries(templates)) {
      this._add(english, other);
      // The SDK's short forms lose first what stands in parentheses at their end.
      const shorter = english.replace(IN_PARENTHESES, '');
      if (shorter !== english && !(shorter in templates)) {
        this._add(shorter, other.replace(IN_ANY_PARENTHESES, ''));
      }
    }
    this._index();
  }

  /** The text in the other language; what fits no template stays as it is. */
  translate(text: string): string {
    let found = this._known.get(text);
    if (found === undefined) {
      found = this._text(text, 0) ?? text;
      if (this._known.size >= REMEMBERED) {
        this._known.clear();
      }
      this._known.set(text, found);
    }
    return found;
  }

  private _add(english: string, other: string): void {
    const pieces = phraseOf(undotted(english.replace(/\s+/g, ' ').trim()));
    const said = other.trim().replace(/[。.]$/, '');
    const [only] = pieces;
    const fast = pieces.filter((_, n) => n % 2 === PIECE).join('');
    if (pieces.length === 1) {
      this._fixed.set(uncapped(only!), said);
    } else if (/\w/.test(fast)) {
      this._open.push({ pieces, other: said, firm: fast.length });
    }
  }

  /** Each under the rarest of its words, so that few are tried for a text. */
  private _index(): void {
    this._open.sort((a, b) => b.firm - a.firm);
    const words = this._open.map(({ pieces }) => wordsOf(pieces));
    const counts = new Map<string, number>();
    words.flat().forEach(word => counts.set(word, (counts.get(word) ?? 0) + 1));
    this._open.forEach((phrase, n) => {
      const [first = '', ...rest] = words[n]!;
      const rarest = rest.reduce((a, b) => (counts.get(b)! < counts.get(a)! ? b : a), first);
      this._byWord.set(rarest, [...(this._byWord.get(rarest) ?? []), phrase]);
    });
  }

  /** Null where nothing of it is known. */
  private _text(text: string, depth: number): string | null {
    if (depth > DEEP || text.length > LONG || !LATIN.test(text)) {
      return null;
    }
    const found = this._cutShort(text, depth) ?? this._sentence(text, depth, true);
    if (found !== null) {
      return found;
    }
    const parts = this._parts(text, depth);
    const whole = parts?.complete ? null : this._sentence(text, depth, false);
    return whole ?? parts?.said ?? null;
  }

  /**
   * One sentence, or several that are one template.
   *
   * @param strict - no field holds the end of one sentence and the beginning of another
   */
  private _sentence(text: string, depth: number, strict: boolean): string | null {
    const core = undotted(text);
    const end = core === text ? '' : '。';
    let found = this._fixed.get(uncapped(core));
    for (const phrase of found === undefined ? this._candidates(core) : []) {
      // Of a template that ends with a field the full stop may stand before it.
      const fields = fit(phrase.pieces, core) ?? (end ? fit(phrase.pieces, text) : null);
      if (fields && this._holds(phrase, fields, strict, depth)) {
        found = this._fill(phrase, fields, depth);
        break;
      }
    }
    return found === undefined ? null : end && ENDED.test(found) ? found : found + end;
  }

  /** Whether the text is of this template; of one that says little, anything would be. */
  private _holds({ firm }: IPhrase, fields: Fields, strict: boolean, depth: number): boolean {
    const values = [...fields.values()];
    const few = (value: string) =>
      value.split(' ').length <= FEW || this._text(value, depth + 1) !== null;
    return (!strict || values.every(isWhole)) && (firm >= PLENTY || values.every(few));
  }

  /** Sentence by sentence, as many at once as one template has; those that are unknown stay. */
  private _parts(text: string, depth: number): { said: string; complete: boolean } | null {
    const sentences = BREAK.test(text);
    const parts = text.split(sentences ? BREAK : LISTED);
    if (parts.length < 2 || parts.length > MOST_SENTENCES) {
      return null;
    }
    const said: string[] = [];
    let [some, complete] = [false, true];
    for (let from = 0; from < parts.length;) {
      const [found, until] = this._longest(parts, from, sentences ? ' ' : LISTED, depth);
      some ||= found !== null;
      complete &&= found !== null || !LATIN.test(parts[from]!);
      said.push(found ?? parts[from]!);
      from = until;
    }
    return some ? { said: sentences ? joined(said) : said.join('；'), complete } : null;
  }

  /** What is said by as many of the parts as one template has, and where the next begins. */
  private _longest(
    parts: readonly string[],
    from: number,
    between: string,
    depth: number
  ): [string | null, number] {
    for (let until = parts.length; until > from + 1; until--) {
      // All of them together were tried before.
      const found =
        until - from < parts.length
          ? this._sentence(parts.slice(from, until).join(between), depth, true)
          : null;
      if (found !== null) {
        return [found, until];
      }
    }
    return [this._text(parts[from]!, depth + 1), from + 1];
  }

  /** A short form of which only the beginning is left. */
  private _cutShort(text: string, depth: number): string | null {
    if (!text.endsWith('…') || text.length > SHORT || text.length <= ENOUGH) {
      return null;
    }
    const left = text.slice(0, -1).trimEnd();
    for (const [phrase, other] of this._fixed) {
      if (phrase.startsWith(uncapped(left))) {
        return other;
      }
    }
    let [best, most]: [string | null, number] = [null, ENOUGH - 1];
    for (const phrase of this._open) {
      const found = fitCut(phrase.pieces, left);
      if (found && found[1] > most) {
        [best, most] = [this._fill(phrase, found[0], depth), found[1]];
      }
    }
    return best;
  }

  private _candidates(text: string): IPhrase[] {
    const words = new Set(text.toLowerCase().match(WORD));
    const found = ['', ...words].flatMap(word => this._byWord.get(word) ?? []);
    return found.sort((a, b) => b.firm - a.firm);
  }

  private _fill({ pieces, other }: IPhrase, fields: Fields, depth: number): string {
    return other.replace(FIELDS, (whole, name: string) => {
      const value = fields.get(name);
      if (value === undefined) {
        return pieces.includes(name) ? '…' : whole;
      }
      const before = pieces[pieces.indexOf(name) - 1] ?? '';
      return QUOTE.test(before) ? value : this._value(value, depth);
    });
  }

  /** What a field holds: ': bad label', ' It used 2 GiB.', 'worker 3'. */
  private _value(value: string, depth: number): string {
    if (value.startsWith(': ')) {
      return `：${this._value(value.slice(2), depth)}`;
    }
    return this._text(value.trim(), depth + 1) ?? value;
  }

  private readonly _fixed = new Map<string, string>();
  /** By how much of them stands fast, the most first. */
  private readonly _open: IPhrase[] = [];
  private readonly _byWord = new Map<string, IPhrase[]>();
  private readonly _known = new Map<string, string>();
}

/** Sentences one after the other; after a Chinese full stop there is no space. */
export function joined(sentences: readonly string[]): string {
  return sentences.reduce((all, next) => {
    const tight = !all || /[。！？；：]$/.test(all);
    return tight ? all + next : `${all} ${next}`;
  }, '');
}

/** Without the full stop: a sentence may stand within another one. */
function undotted(text: string): string {
  return text.endsWith('.') && !text.endsWith('..') ? text.slice(0, -1) : text;
}

/** Begun as in the middle of a sentence, unless it begins with a name such as CUDA. */
function uncapped(text: string): string {
  return /^[A-Z](?![A-Z])/.test(text) ? text[0]!.toLowerCase() + text.slice(1) : text;
}

/** The words that are in every text which fits; at the edge of a field a word may go on. */
function wordsOf(pieces: readonly string[]): string[] {
  return pieces.flatMap((piece, n) => {
    if (n % 2 !== PIECE) {
      return [];
    }
    const right = n < pieces.length - 1 ? piece.replace(/\w+$/, '') : piece;
    const sure = n > 0 ? right.replace(/^\w+/, '') : right;
    return sure.toLowerCase().match(WORD) ?? [];
  });
}

/** Nothing of one sentence and of another, unless it is both of them to their ends. */
function isWhole(value: string): boolean {
  return !BREAK.test(value) || ENDED.test(value);
}
