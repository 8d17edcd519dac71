/** What a text has in the fields of a template, by their names. */
export type Fields = ReadonlyMap<string, string>;

/** At even places of a phrase are pieces that stand fast, between them names of fields. */
export const PIECE = 0;

const FIELD = /\{(\w+)\}/;
/** Where, of two fields side by side, the second begins: ': bad label', ' (20 GiB)', ' It used'. */
const SECOND = /: | (?=\(|[A-Z][a-z]* [a-z])/;

/** 'Worker {rank} ended' as ['Worker ', 'rank', ' ended']. */
export function phraseOf(template: string): string[] {
  return template.split(FIELD);
}

/** What the fields hold when the whole text fits, in time that grows with its length alone. */
export function fit(pieces: readonly string[], text: string): Fields | null {
  const head = pieces[0]!;
  const tail = pieces[pieces.length - 1]!;
  const end = text.length - tail.length;
  if (end < head.length || !begins(text, head) || !text.endsWith(tail)) {
    return null;
  }
  const fields = new Map<string, string>();
  let at = head.length;
  for (let n = 1; n < pieces.length; n += 2) {
    const next = pieces[n + 1]!;
    const last = n + 2 >= pieces.length;
    const until = last ? end : placeOf(next, text, at, end);
    if (until < 0 || !put(fields, pieces[n]!, text.slice(at, until))) {
      return null;
    }
    at = until + next.length;
  }
  return fields;
}

/** What the fields hold when the text, without its '…', is the beginning of one that fits, and how
 *  much of it stands fast. */
export function fitCut(pieces: readonly string[], text: string): [Fields, number] | null {
  const head = pieces[0]!;
  if (!begins(text, head.slice(0, text.length))) {
    return null;
  }
  const fields = new Map<string, string>();
  let firm = Math.min(head.length, text.length);
  let at = head.length;
  for (let n = 1; n < pieces.length && at < text.length; n += 2) {
    const next = pieces[n + 1]!;
    const found = next ? text.indexOf(next, at) : -1;
    const until = found < 0 ? text.length - beginningAtEnd(next, text, at) : found;
    const value = text.slice(at, until);
    if (!put(fields, pieces[n]!, until < text.length ? value : `${value}…`)) {
      return null;
    }
    firm += Math.min(next.length, text.length - until);
    at = until + next.length;
  }
  return at >= text.length ? [fields, firm] : null;
}

/** A sentence may begin with a small letter in the middle of another one. */
function begins(text: string, head: string): boolean {
  return (
    text.startsWith(head) ||
    (head !== '' && text[0]?.toLowerCase() === head[0]!.toLowerCase() && text.startsWith(head.slice(1), 1)) // prettier-ignore
  );
}

/** Where a piece stands after a field; -1 where it does not. */
function placeOf(piece: string, text: string, from: number, end: number): number {
  if (piece === '') {
    const second = SECOND.exec(text.slice(from, end));
    return second ? from + second.index : end;
  }
  let found = text.indexOf(piece, from);
  // The point of a number is not the full stop after it.
  while (found >= 0 && piece.endsWith('.') && /\w/.test(text[found + piece.length] ?? '')) {
    found = text.indexOf(piece, found + 1);
  }
  return found + piece.length <= end ? found : -1;
}

/** How much of the beginning of a piece the text ends with. */
function beginningAtEnd(piece: string, text: string, from: number): number {
  for (let length = Math.min(piece.length, text.length - from); length > 0; length--) {
    if (text.endsWith(piece.slice(0, length))) {
      return length;
    }
  }
  return 0;
}

/** False where a field that comes twice holds two things. */
function put(fields: Map<string, string>, name: string, value: string): boolean {
  const before = fields.get(name);
  fields.set(name, value);
  return before === undefined || before === value;
}
