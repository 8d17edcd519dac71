import { attachCode, functionOf, importsSdk, isWhole, pythonString, split } from '../python';

describe('a string as Python writes it', () => {
  it.each([
    ['digits', '"digits"'],
    ['a"b\\c', '"a\\"b\\\\c"'],
    ['two\nlines', '"two\\u000alines"'],
    ['a\u202eb\u200bc', '"a\\u202eb\\u200bc"'],
    ['训练 🙂', '"训练 🙂"'],
    ['"); import os; os.system("x', '"\\"); import os; os.system(\\"x"']
  ])('%j', (text, code) => expect(pythonString(text)).toBe(code));
});

describe('the cell that attaches to a job', () => {
  it('shows the card, and imports the SDK where nothing else does', () => {
    expect(attachCode('digits-2', true)).toBe('job = cnai.job("digits-2")\njob');
    expect(attachCode('digits-2', false)).toMatch(/^import cnai_sdk as cnai\n\njob = /);
  });

  it('knows the import in any cell', () => {
    expect(importsSdk(['x = 1', 'import torch\nimport cnai_sdk as cnai'])).toBe(true);
    expect(importsSdk(['# import cnai_sdk as cnai', 'cnai = None'])).toBe(false);
  });
});

describe('the function of a cell', () => {
  it('is the last one at the top level, with its defaults as they are written', () => {
    const source = [
      'def helper(x): return x',
      '@decorated(1)',
      'def digits(lr: float = 0.05, sizes=(1, 2), *, name="a, b)",  # a comment, with a comma',
      '           table={"a": [1, 2]}, seed) -> None:',
      '    def inner(a): ...'
    ].join('\n');
    expect(functionOf(source)).toEqual({
      name: 'digits',
      parameters: [
        { name: 'lr', value: '0.05' },
        { name: 'sizes', value: '(1, 2)' },
        { name: 'name', value: '"a, b)"' },
        { name: 'table', value: '{"a": [1, 2]}' },
        { name: 'seed', value: null }
      ]
    });
  });

  it.each(['x = 1', 'class A:\n    def f(self): ...', 'async def f(): ...', 'def f(a', ''])(
    'is not there in %j',
    source => expect(functionOf(source)).toBeNull()
  );

  it('is not one that only a string shows', () => {
    const source = "def real(a): ...\nHELP = '''\ndef shown(b): ...\n'''\n# def noted(c): ...";
    expect(functionOf(source)?.name).toBe('real');
  });

  it('may have a Chinese name', () => {
    expect(functionOf('def 训练(轮数=3): ...')?.name).toBe('训练');
  });
});

describe('an expression', () => {
  it.each([
    ['0.1', true],
    ['[1, (2, 3)]', true],
    ['"a)"', true],
    ['', false],
    ['(1', false],
    ['1)', false],
    ['"open', false],
    ['1; import os', false],
    ['1\n2', false]
  ])('%j is whole: %s', (text, whole) => expect(isWhole(text)).toBe(whole));

  it('is split where no bracket and no string is open', () => {
    expect(split('a=1, b=[1, 2], c=","', ',')).toEqual(['a=1', ' b=[1, 2]', ' c=","']);
  });
});
