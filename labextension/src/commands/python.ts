/** A Python string, in double quotes, that is one line and is what it shows. */
export function quoted(text: string): string {
  const escaped = text.replace(/[\\"]/g, character => `\\${character}`);
  return `"${escaped.replace(HIDDEN, byNumber)}"`;
}

// eslint-disable-next-line no-control-regex
const HIDDEN = /[\u0000-\u001f\u007f-\u00a0\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]/g;
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function byNumber(unit: string, at: number, whole: string): string {
  const pair = whole.codePointAt(at) ?? 0;
  if (pair > 0xffff || isLowHalf(whole, at)) {
    return unit;
  }
  return SHORT[unit] ?? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function isLowHalf(whole: string, at: number): boolean {
  return at > 0 && (whole.codePointAt(at - 1) ?? 0) > 0xffff;
}

const NUMBER = /^[+-]?(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?$/;
const WORDS = ['True', 'False', 'None'];
const PAIRS: Readonly<Record<string, string>> = { '[': ']', '(': ')', '{': '}' };

/** Whether this is a value written out: numbers, strings, True, and lists and dicts of them. */
export function isLiteral(text: string): boolean {
  const value = text.trim();
  if (NUMBER.test(value) || WORDS.includes(value)) {
    return true;
  }
  if (isString(value)) {
    return true;
  }
  const closing = PAIRS[value[0] ?? ''];
  if (!closing || !value.endsWith(closing) || value.length < 2) {
    return false;
  }
  const inner = split(value.slice(1, -1), ',');
  if (inner === null) {
    return false;
  }
  const parts = inner.map(part => part.trim());
  if (parts[parts.length - 1] === '') {
    parts.pop();
  }
  return parts.every(part => (closing === '}' ? isEntry(part) : isLiteral(part)));
}

function isEntry(text: string): boolean {
  const sides = split(text, ':');
  return sides !== null && sides.length <= 2 && sides.every(isLiteral);
}

function isString(text: string): boolean {
  return /^(?:"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*')$/.test(text);
}

/** At a character outside of strings and brackets; null when a bracket does not match. */
export function split(text: string, at: string): string[] | null {
  const masked = mask(text);
  const open: string[] = [];
  const parts: string[] = [];
  let from = 0;
  for (let index = 0; index < masked.length; index++) {
    const character = masked[index]!;
    if (character in PAIRS) {
      open.push(PAIRS[character]!);
    } else if (')]}'.includes(character)) {
      if (open.pop() !== character) {
        return null;
      }
    } else if (character === at && open.length === 0) {
      parts.push(text.slice(from, index));
      from = index + 1;
    }
  }
  return open.length > 0 ? null : [...parts, text.slice(from)];
}

const STRING_OR_COMMENT =
  /#[^\n]*|"""(?:[^\\]|\\[^])*?(?:"""|$)|'''(?:[^\\]|\\[^])*?(?:'''|$)|"(?:[^"\\\n]|\\[^])*(?:"|$|(?=\n))|'(?:[^'\\\n]|\\[^])*(?:'|$|(?=\n))/g;

/** The source with every string and comment blanked; each place and line break stays. */
export function mask(source: string): string {
  return source.replace(STRING_OR_COMMENT, found => found.replace(/[^\n]/g, ' '));
}
