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

/** What a text says in the other language, and how many of its characters stand in templates. */
type Reading = { readonly said: string; readonly known: number } | null;

const LATIN = /[A-Za-z]{2}/;
const WORD = /\w+/g;
const ENDED = /[.!?…。！？：:]['"’”)`]*$/;
/** Where one sentence may end and the next begin; what belongs together is put together again. */
const BREAK = /(?<=[.!?]['"’”)`]*) (?=\S)/;
const HAN_AT_END = /[\u3001-\u9fff\uff00-\uffef]$/;
const HAN_AT_START = /^[\u3001-\u9fff\uff00-\uffef]/;
const LISTED = '; ';
const COMMA = ', ';
/** What a field of such a name can hold: 'rank' holds no sentence. */
const SHAPES: Readonly<Record<string, RegExp>> = {
  rank: /^\d+$/,
  times: /^\d+$/,
  line: /^\d[\d,]*$/,
  worker: /^(a |the )?workers? ?[\d, and]*$/i,
  count: /^\d[\d.,]*$/,
  amount: /^\d[\d.,]*\s?\w*$/
};
/** ' or ' or ' and ' before the last of several, and nowhere else. */
const CHOICE = /^((?:(?! (?:or|and) |[.!?] ).)+) (or|and) ((?:(?! (?:or|and) |[.!?] ).)+)$/;
/** One word, or no plain ones: 'nodes', 'NVIDIA A100', 'digits-3'. */
const NAME = /^\S+$|^(?:\S*[A-Z0-9_/.=-]\S*(?: |$)){1,6}$/;
/** The field that holds what somebody's own code said. */
const FOREIGN = 'message';
/** What stands in quotes is a name, and so is what stands before '='. */
const QUOTE = /['"`‘“]$/;
const IN_PARENTHESES = / \([^()]*\)$/;
const IN_ANY_PARENTHESES = /\s*[(（][^()（）]*[)）]$/;
/** Of what was cut short, so many characters have to be there to know it by. */
const ENOUGH = 8;
/** A template with fewer that stand fast has only a few words in a field. */
const PLENTY = 14;
const FEW = 3;
const SHORT = 64;
const LONG = 2_000;
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
      found = this._read(text, 0)?.said ?? text;
      if (this._known.size >= REMEMBERED) {
        this._known.clear();
      }
      this._known.set(text, found);
      this._readings.clear();
    }
    return found;
  }

  private _add(english: string, other: string): void {
    const pieces = phraseOf(undotted(english.replace(/\s+/g, ' ').trim()));
    const said = other.trim().replace(/(?<!\.)[。.]$/, '');
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

  /** The reading that knows most of the text; null where nothing of it is known. */
  private _read(text: string, depth: number): Reading {
    if (depth > DEEP || text.length > LONG || !LATIN.test(text)) {
      return null;
    }
    let found = this._readings.get(text);
    if (found === undefined) {
      const whole = this._cutShort(text, depth) ?? this._sentence(text, depth);
      // Of two that know as much the first: what stands side by side goes before what encloses.
      const readings = [this._list(text, depth), this._choice(text, depth)];
      readings.push(whole, this._parts(text, depth));
      found = readings.reduce((a, b) => (knownOf(b) > knownOf(a) ? b : a));
      found ??= this._sentence(text, depth, () => true);
      this._readings.set(text, found);
    }
    return found;
  }

  /**
   * One sentence, or several that are one template.
   *
   * @param may - what a field may hold
   */
  private _sentence(text: string, depth: number, may = isWhole): Reading {
    const core = undotted(text);
    const end = core === text ? '' : '。';
    const fixed = this._fixed.get(uncapped(core));
    let best: Reading = fixed === undefined ? null : { said: fixed, known: core.length };
    for (const phrase of best ? [] : this._candidates(core)) {
      // Of a template that ends with a field the full stop may stand before it.
      const fields = fit(phrase.pieces, core) ?? (end ? fit(phrase.pieces, text) : null);
      const fits = fields && [...fields.values()].every(may);
      const reading = fits ? this._fill(phrase, fields, depth) : null;
      best = knownOf(reading) > knownOf(best) ? reading : best;
    }
    return best && end && !ENDED.test(best.said) ? { ...best, said: best.said + end } : best;
  }

  /** Sentence by sentence, several at once where a template has them; those unknown stay. */
  private _parts(text: string, depth: number): Reading {
    const sentences = BREAK.test(text);
    const between = sentences ? ' ' : LISTED;
    const parts = text.split(sentences ? BREAK : LISTED);
    if (parts.length < 2 || parts.length > MOST_SENTENCES) {
      return null;
    }
    // From each part to the end: what is said, and how much of it is known.
    const rest: { said: string[]; known: number }[] = [{ said: [], known: 0 }];
    for (let from = parts.length - 1; from >= 0; from--) {
      let best = { said: [parts[from]!, ...rest[0]!.said], known: rest[0]!.known };
      for (let until = from + 1; until <= parts.length; until++) {
        const some = parts.slice(from, until).join(between);
        const reading = some === text ? null : this._sentence(some, depth + 1);
        const known = knownOf(reading) + rest[until - from - 1]!.known;
        if (reading && known > best.known) {
          best = { said: [reading.said, ...rest[until - from - 1]!.said], known };
        }
      }
      rest.unshift(best);
    }
    const { said, known } = rest[0]!;
    return known ? { said: sentences ? joined(said) : said.join('；'), known } : null;
  }

  /** What is counted up, where all of it is known: '2 workers, cpu 1'. */
  private _list(text: string, depth: number): Reading {
    const parts = text.split(COMMA);
    if (parts.length < 2 || parts.length > MOST_SENTENCES) {
      return null;
    }
    const readings = parts.map(part => this._sentence(part, depth + 1));
    return readings.every(reading => reading !== null)
      ? {
          said: readings.map(reading => reading.said).join('，'),
          known: readings.reduce((sum, reading) => sum + knownOf(reading), 0)
        }
      : null;
  }

  /** 'A, B or C' in a field: of each something is known, or it is a name. */
  private _choice(text: string, depth: number): Reading {
    const [, before, word, last] = (depth > 0 && CHOICE.exec(text)) || [];
    if (!before || !word || !last) {
      return null;
    }
    const parts = [...before.split(COMMA), last];
    const readings = parts.map(part => this._read(part, depth + 1));
    if (!parts.every((part, n) => readings[n] || NAME.test(part))) {
      return null;
    }
    const said = parts.map((part, n) => readings[n]?.said ?? part);
    const known = readings.reduce((sum, reading) => sum + knownOf(reading), word.length);
    const between = word === 'or' ? ' 或 ' : ' 和 ';
    return { said: [said.slice(0, -1).join('、'), between, said[said.length - 1]!].reduce(beside), known }; // prettier-ignore
  }

  /** A short form of which only the beginning is left. */
  private _cutShort(text: string, depth: number): Reading {
    if (!text.endsWith('…') || text.length > SHORT || text.length <= ENOUGH) {
      return null;
    }
    const left = text.slice(0, -1).trimEnd();
    for (const [phrase, said] of this._fixed) {
      if (phrase.startsWith(uncapped(left))) {
        return { said, known: left.length };
      }
    }
    let best: Reading = null;
    for (const phrase of this._open) {
      const found = fitCut(phrase.pieces, left);
      if (found && found[1] >= ENOUGH && found[1] > knownOf(best)) {
        const reading = this._fill(phrase, found[0], depth);
        best = reading && { ...reading, known: found[1] };
      }
    }
    return best;
  }

  /** What stands fast the most first; those that begin with a field last: 'Waits for {what}' goes
   *  before '{amount} more cores'. */
  private _candidates(text: string): IPhrase[] {
    const words = new Set(text.toLowerCase().match(WORD));
    const found = ['', ...words].flatMap(word => this._byWord.get(word) ?? []);
    found.sort((a, b) => b.firm - a.firm);
    const heads = found.filter(({ pieces }) => pieces[0] !== '');
    return [...heads, ...found.filter(({ pieces }) => pieces[0] === '')];
  }

  /** Null where the template says so little that anything would be of it. */
  private _fill({ pieces, other, firm }: IPhrase, fields: Fields, depth: number): Reading {
    let known = firm;
    const values = new Map<string, string>();
    for (const [name, value] of fields) {
      const at = pieces.indexOf(name);
      const named = QUOTE.test(pieces[at - 1] ?? '') || pieces[at + 1]?.startsWith('=');
      const foreign = named || name === FOREIGN;
      const reading = this._value(value, foreign ? DEEP : depth);
      const odd = SHAPES[name.toLowerCase()]?.test(value) === false;
      const much = !reading && value.split(' ').length > FEW && !NAME.test(value);
      if (odd || (firm < PLENTY && much && name !== FOREIGN)) {
        return null;
      }
      known += knownOf(reading);
      values.set(name, reading?.said ?? value);
    }
    const parts = phraseOf(other).map((part, n) =>
      n % 2 === PIECE ? part : (values.get(part) ?? (pieces.includes(part) ? '…' : `{${part}}`))
    );
    return { said: parts.reduce(beside), known };
  }

  /** What a field holds: ': bad label', ' It used 2 GiB.', 'worker 3'. */
  private _value(value: string, depth: number): Reading {
    const reading = this._read(value.replace(/^: /, '').trim(), depth + 1);
    return value.startsWith(': ')
      ? { said: `：${reading?.said ?? value.slice(2)}`, known: knownOf(reading) }
      : reading;
  }

  private readonly _fixed = new Map<string, string>();
  /** By how much of them stands fast, the most first. */
  private readonly _open: IPhrase[] = [];
  private readonly _byWord = new Map<string, IPhrase[]>();
  private readonly _known = new Map<string, string>();
  /** While one text is read. */
  private readonly _readings = new Map<string, Reading>();
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

function knownOf(reading: Reading): number {
  return reading?.known ?? 0;
}

/** Two pieces of a sentence; between Chinese and Chinese there is no space. */
function beside(before: string, next: string): string {
  const [left, right] = [before.trimEnd(), next.trimStart()];
  return HAN_AT_END.test(left) && HAN_AT_START.test(right) ? left + right : before + next;
}
