/** What cannot be seen, reorders what stands beside it, or is half a character. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** A string as Python writes it, on one line, in which nothing is hidden. */
export function pythonString(text: string): string {
  const escaped = text.replace(/[\\"]/g, '\\$&').replace(UNSEEN, character => {
    const code = character.codePointAt(0) ?? 0;
    const hex = code.toString(16);
    return code > 0xffff ? `\\U${hex.padStart(8, '0')}` : `\\u${hex.padStart(4, '0')}`;
  });
  return `"${escaped}"`;
}

/**
 * The cell that attaches to a job: it shows the card, wherever the job was started.
 *
 * @param name - the job's name, or its id where the name finds another one
 * @param use - the arguments of `use()` that lead to the job, unless notebooks look there anyway
 */
export function attachCode(name: string, imported: boolean, use: string | null = null): string {
  const call = `job(${pythonString(name)})`;
  const lines = use
    ? ['client = cnai.Client()', `client.use(${use})`, `job = client.${call}`]
    : [`job = cnai.${call}`];
  return withImport([...lines, 'job'], imported);
}

/** Lines that use the SDK, after its import where the notebook has none. */
export function withImport(lines: readonly string[], imported: boolean): string {
  return [...(imported ? [] : ['import cnai_sdk as cnai', '']), ...lines].join('\n');
}

/** Whether these cells import the SDK under its usual name. */
export function importsSdk(sources: readonly string[]): boolean {
  return sources.some(source => /^\s*import\s+cnai_sdk\s+as\s+cnai\b/m.test(source));
}

/** A parameter of a function: its name, and its default as it is written. */
export interface IParameter {
  readonly name: string;
  readonly value: string | null;
}

/** A function that a cell defines. */
export interface IFunction {
  readonly name: string;
  readonly parameters: readonly IParameter[];
}

const DEFINITION = /^(?:async[ \t]+)?def[ \t]+([\p{L}_][\p{L}\p{M}\p{N}_]*)\s*\(/gmu;

/** The last function that a cell defines at its top level; null without one. */
export function functionOf(source: string): IFunction | null {
  const found = [...blanked(source).matchAll(DEFINITION)].pop();
  if (!found || found[0].startsWith('async')) {
    return null;
  }
  const inside = bracketed(source, found.index + found[0].length);
  return inside === null ? null : { name: found[1]!, parameters: parametersOf(inside) };
}

function parametersOf(text: string): readonly IParameter[] {
  return split(text, ',')
    .map(part => part.trim())
    .filter(part => part && !part.startsWith('*') && part !== '/')
    .map(part => {
      const [head, ...value] = split(part, '=');
      const name = split(head ?? '', ':')[0]!.trim();
      return { name, value: value.length ? value.join('=').trim() : null };
    });
}

/** What stands between an opened bracket and the one that closes it; null when none does. */
function bracketed(source: string, start: number): string | null {
  const end = scan(source, start, (_, depth) => depth < 0);
  return end === null ? null : uncommented(source.slice(start, end));
}

/** Parts between separators that stand in no bracket and no string. */
export function split(text: string, separator: string): readonly string[] {
  const parts: string[] = [];
  let start = 0;
  scan(text, 0, (character, depth, at) => {
    if (character === separator && depth === 0) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
    return false;
  });
  return [...parts, text.slice(start)];
}

/** Whether brackets and quotes of an expression are closed, and something stands there. */
export function isWhole(text: string): boolean {
  let depth = 0;
  let least = 0;
  const end = scan(text, 0, (_, now) => {
    depth = now;
    least = Math.min(least, now);
    return false;
  });
  return text.trim() !== '' && end === null && depth === 0 && least === 0 && !/[\n;]/.test(text);
}

const STRING = /^(?:'''[^]*?'''|"""[^]*?"""|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")/;

/**
 * Walk over Python's text outside of strings and comments.
 *
 * @param visit - gets each character and how deep in brackets it stands; true ends the walk
 * @returns where the walk ended; null when it came to the end
 */
function scan(
  text: string,
  start: number,
  visit: (character: string, depth: number, at: number) => boolean
): number | null {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const character = text[at]!;
    if (character === '#') {
      at = (text.indexOf('\n', at) + 1 || text.length + 1) - 1;
      continue;
    }
    if (character === '"' || character === "'") {
      const string = STRING.exec(text.slice(at))?.[0];
      if (string === undefined) {
        return at;
      }
      at += string.length - 1;
      continue;
    }
    depth += '([{'.includes(character) ? 1 : ')]}'.includes(character) ? -1 : 0;
    if (visit(character, depth, at)) {
      return at;
    }
  }
  return null;
}

/** With every string and comment as spaces; lines stay where they are. */
function blanked(text: string): string {
  const parts = new RegExp(`${STRING.source.slice(1)}|#[^\\n]*`, 'g');
  return text.replace(parts, found => found.replace(/[^\n]/g, ' '));
}

/** Without comments; what looks like one inside a string stays. */
function uncommented(text: string): string {
  const parts = new RegExp(`(${STRING.source.slice(1)})|#[^\\n]*`, 'g');
  return text.replace(parts, (_, string?: string) => string ?? '');
}
