import { isLiteral, mask, split } from '../commands/python';

/** One argument of a function, as its signature writes it. */
export interface IParameter {
  readonly name: string;
  /** Its default, as it is written; '' for one that has none. */
  readonly initial: string;
  /** The default is a value and not a name, so that a form can offer it. */
  readonly literal: boolean;
}

export interface IFunction {
  readonly name: string;
  readonly parameters: readonly IParameter[];
}

const NAME = String.raw`[\p{L}_][\p{L}\p{N}_]*`;
const DEFINITION = new RegExp(String.raw`^def[ \t]+(${NAME})[ \t]*(?:\[[^\]]*\])?[ \t]*\(`, 'gmu');
const PARAMETER = new RegExp(String.raw`^\s*(${NAME})\s*(?::[^]*)?$`, 'u');

/** The functions that a cell defines at its top level, by a light look at its text. */
export function functionsOf(source: string): IFunction[] {
  const masked = mask(source);
  return [...masked.matchAll(DEFINITION)].flatMap(found => {
    const from = found.index + found[0].length;
    const until = closing(masked, from);
    return until < 0
      ? []
      : [{ name: found[1]!, parameters: parametersOf(withoutComments(source.slice(from, until))) }];
  });
}

/** Whether a cell's toolbar has something to train. */
export function definesFunction(source: string): boolean {
  return source.includes('def ') && functionsOf(source).length > 0;
}

function closing(masked: string, from: number): number {
  let depth = 1;
  for (let at = from; at < masked.length; at++) {
    if ('([{'.includes(masked[at]!)) {
      depth++;
    } else if (')]}'.includes(masked[at]!) && --depth === 0) {
      return at;
    }
  }
  return -1;
}

function withoutComments(text: string): string {
  const masked = mask(text);
  return text.replace(/#[^\n]*/g, (found, at: number) => (masked[at] === '#' ? found : blank(found, masked, at)));
}

/** A comment goes; a `#` in a string stays: only there the mask has blanks before a quote. */
function blank(found: string, masked: string, at: number): string {
  return masked.slice(at, at + found.length).trim() === '' && !/["']/.test(found) ? '' : found;
}

function parametersOf(text: string): IParameter[] {
  return (split(text, ',') ?? []).flatMap(part => {
    const sides = split(part, '=') ?? [];
    const name = PARAMETER.exec(sides[0] ?? '')?.[1];
    if (!name) {
      return [];
    }
    const initial = sides.slice(1).join('=').trim();
    return [{ name, initial, literal: isLiteral(initial) }];
  });
}
