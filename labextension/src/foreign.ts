/** Escapes of terminals: CSI (all of it, colours too), strings such as links and titles, others. */
const ESCAPES =
  // eslint-disable-next-line no-control-regex
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]?|(?:\u001b[\]PX^_]|[\u0090\u0098\u009d-\u009f])[^\u0000-\u0008\u000a-\u001f\u007f-\u009f]*(?:\u0007|\u001b\\|\u009c)|\u001b[ -/]*[0-~]?/g;
// eslint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g;
/** Characters that hide or reorder others; the same as `cnai_sdk/text/screen.py` shows by number. */
const HIDING =
  /[\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/** Foreign text on one line, with nothing in it that hides, reorders or is obeyed. */
export function oneLine(text: string): string {
  return text
    .replace(ESCAPES, '')
    .split('\n')
    .map(overwritten)
    .join(' ')
    .replace(CONTROLS, '')
    .replace(HIDING, shownByNumber)
    .replace(/[ \t\n]+/g, ' ')
    .trim();
}

/** Characters that hide or reorder others, written by number: ⟨U+202E⟩. */
export function revealed(text: string): string {
  return text.replace(HIDING, shownByNumber);
}

/** A carriage return overwrites what stands before it. */
function overwritten(line: string): string {
  return line
    .replace(/\r+$/, '')
    .split('\r')
    .reduce((shown, part) => part + shown.slice(part.length), '');
}

function shownByNumber(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return `⟨U+${code.toString(16).toUpperCase().padStart(4, '0')}⟩`;
}
