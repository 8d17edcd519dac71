import { intentOf, TypeAhead } from '../keyboard';

const press = (key: string, held: object = {}) => ({
  ...{ key, shiftKey: false, ctrlKey: false, metaKey: false, altKey: false },
  ...held
});
const where = { at: 5, count: 100, page: 10, typing: false };

describe('a key in the list of jobs', () => {
  test.each([
    ['ArrowDown', 6],
    ['ArrowUp', 4],
    ['PageDown', 15],
    ['PageUp', 0],
    ['Home', 0],
    ['End', 99]
  ])('%s moves to row %i', (key, to) => {
    expect(intentOf(press(key), where)).toEqual({ do: 'move', to, extend: false });
  });

  test('the ends of the list are ends', () => {
    expect(intentOf(press('ArrowDown'), { ...where, at: 99 })).toMatchObject({ to: 99 });
    expect(intentOf(press('ArrowUp'), { ...where, at: 0 })).toMatchObject({ to: 0 });
  });

  test('Shift with an arrow extends the selection', () => {
    expect(intentOf(press('ArrowDown', { shiftKey: true }), where)).toEqual({
      do: 'move',
      to: 6,
      extend: true
    });
  });

  test.each([
    [press('Enter'), 'open'],
    [press(' '), 'select'],
    [press('Delete'), 'delete'],
    [press('/'), 'filter'],
    [press('ArrowRight'), 'enter'],
    [press('Escape'), 'escape'],
    [press('F10', { shiftKey: true }), 'menu'],
    [press('ContextMenu'), 'menu'],
    [press('a', { ctrlKey: true }), 'all'],
    [press('a', { metaKey: true }), 'all']
  ])('%j means %s', (pressed, meant) => {
    expect(intentOf(pressed, where)).toEqual({ do: meant });
  });

  test('no letter destroys: each finds', () => {
    for (const letter of 'abcdefghijklmnopqrstuvwxyz任') {
      expect(intentOf(press(letter), where)).toEqual({ do: 'find', text: letter });
    }
  });

  test('keys of the browser and of JupyterLab are left to them', () => {
    expect(intentOf(press('s', { ctrlKey: true }), where)).toBeNull();
    expect(intentOf(press('Tab'), where)).toBeNull();
    expect(intentOf(press('F10'), where)).toBeNull();
    expect(intentOf(press('ArrowLeft', { altKey: true }), where)).toBeNull();
  });

  test('a space and a slash inside of what is typed belong to it', () => {
    const typing = { ...where, typing: true };
    expect(intentOf(press(' '), typing)).toEqual({ do: 'find', text: ' ' });
    expect(intentOf(press('/'), typing)).toEqual({ do: 'find', text: '/' });
  });
});

describe('typing to find', () => {
  const names = ['digits', 'lr-sweep', 'digits-2', 'Digits-wide', '图像分类'];
  let now = 0;
  const ahead = () => new TypeAhead(1000, () => now);

  test('one letter goes to the next row that starts with it', () => {
    const typed = ahead();
    expect(typed.find('d', names, 0)).toBe(2);
  });

  test('letters typed together are one word', () => {
    const typed = ahead();
    expect([...'digits-w'].map(letter => typed.find(letter, names, 0)).pop()).toBe(3);
  });

  test('after a pause a new word begins', () => {
    const typed = ahead();
    typed.find('d', names, 0);
    expect(typed.typing).toBe(true);
    now += 1001;
    expect(typed.typing).toBe(false);
    expect(typed.find('l', names, 2)).toBe(1);
  });

  test('what is not there is not found', () => {
    expect(ahead().find('z', names, 0)).toBe(-1);
    expect(ahead().find('图', names, 0)).toBe(4);
  });
});
