import { occurrences, shown } from '../screen';

describe('a line of a log, as it is shown', () => {
  it('is what it was when it is harmless', () => {
    const text = 'epoch 6  loss 0.664 训练 😀\tdone';
    expect(shown(text)).toEqual({ plain: text, coloured: null });
  });

  it.each([
    ['a carriage return overwrites', '40%\r100%', '100%'],
    ['a shorter text leaves the rest', 'abcdef\rXY', 'XYcdef'],
    ['a backspace goes back', 'ab\bc', 'ac'],
    ['the end of a line is erased', 'loading\r\x1b[Kdone', 'done'],
    ['a link is its text', '\x1b]8;;http://x\x07done\x1b]8;;\x07', 'done'],
    ['a link that ST ends is its text', '\x1b]8;;http://x\x1b\\done\x1b]8;;\x1b\\', 'done'],
    ['a title is gone', '\x1b]0;root@host\x07ok', 'ok'],
    ['cursor moves and clearing are gone', '\x1b[2J\x1b[10A\x1b[Hok\x1b[?25l', 'ok'],
    ['a clipboard command is gone', '\x1b]52;c;ZXZpbA==\x07ok', 'ok'],
    ['one-byte controls are gone', '\x9b2Jok\x07\x00\x7f', 'ok'],
    ['reordering is shown', '\u202egnp.exe', '⟨U+202E⟩gnp.exe'],
    ['hiding is shown', 'a\u200bb\u{e0041}', 'a⟨U+200B⟩b⟨U+E0041⟩'],
    ['half a surrogate is replaced', 'a\ud800b\x00', 'a\ufffdb'],
    ['markup is text', '<img src=x onerror=alert(1)>\x00', '<img src=x onerror=alert(1)>'],
    ['accents stay upon their letter', '\x1b[Ke\u0301', 'e\u0301']
  ])('%s', (_, text, visible) => {
    expect(shown(text).plain).toBe(visible);
  });

  it('keeps colours and no other sequence for the renderer', () => {
    const { plain, coloured } = shown('\x1b[1;33mWARN\x1b[0m \x1b[2J\x1b]0;t\x07rest');
    expect(plain).toBe('WARN rest');
    expect(coloured).toBe('\x1b[0;1;33mWARN\x1b[0m rest\x1b[0m');
  });

  it('takes a zero within an extended colour for no reset', () => {
    expect(shown('\x1b[38;2;0;0;200mx').coloured).toBe('\x1b[0;38;2;0;0;200mx\x1b[0m');
  });

  it('stays bounded where nothing ever resets', () => {
    const { coloured } = shown(`${'\x1b[31m'.repeat(3000)}x`);
    expect(coloured!.length).toBeLessThan(200);
    expect(shown(`e${'\u0301'.repeat(5000)}\x00`).plain.length).toBeLessThan(40);
    expect(shown('x'.repeat(1_000_000)).plain.length).toBeLessThan(20_010);
  });

  it('takes no longer than its length', () => {
    const took = (): number => {
      const started = performance.now();
      shown(`${'\x1b]'.repeat(9_000)}`);
      shown(`\x1b[${'1;'.repeat(9_000)}`);
      return performance.now() - started;
    };
    // The shortest of three: the machine may stand still in one of them.
    expect(Math.min(took(), took(), took())).toBeLessThan(1000);
  });
});

describe('what was sought', () => {
  it('is found in any case, each place once', () => {
    expect(occurrences('Memory of memory', 'MEMORY')).toEqual([
      [0, 6],
      [10, 16]
    ]);
    expect(occurrences('aaa', 'aa')).toEqual([[0, 2]]);
    expect(occurrences('abc', '')).toEqual([]);
  });
});
