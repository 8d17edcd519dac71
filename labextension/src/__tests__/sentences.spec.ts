import { ServerConnection } from '@jupyterlab/services';
import { nullTranslator, TranslationBundle } from '@jupyterlab/translation';

import { Phrasebook } from '../phrasebook';
import { learn, learnFrom, problemText, said, saidTogether } from '../sentences';
import { dateText } from '../words';

const TEMPLATES = {
  'Waiting for room.': '等待空位。',
  'no module {1}': '缺少模块 {1}',
  '{Worker} has no module {1}.': '{Worker} 没有模块 {1}。',
  'worker {rank}': '第 {rank} 号 worker',
  'a worker': '某个 worker',
  'Worker {rank} ended.': '第 {rank} 号 worker 已结束。',
  'Worker {rank} ended after {time} with {exit}.':
    '第 {rank} 号 worker 在 {time} 后以 {exit} 结束。',
  'exit code {code}': '退出码 {code}',
  '{count} workers': '{count} 个 worker',
  'cpu {count}': 'CPU {count} 核',
  '{count} of {resource}': '{count} {resource}',
  memory: '内存',
  'Your code raised {type} in {worker}{message}': '您的代码在 {worker} 中引发 {type}{message}',
  '{Worker} was given {limit}.{used}': '{Worker} 得到 {limit}。{used}',
  'It used {amount}.': '它使用了 {amount}。',
  'The cluster refused it: {said}.': '集群拒绝了它：{said}。',
  'Ask for less. Or wait.': '请减少请求，或等待。',
  'out of memory in {worker} ({limit})': '{worker} 内存不足（{limit}）',
  "There is no job '{name}'.": "没有任务 '{name}'。",
  'Waits for {0}': '等待：{0}',
  '{message} ({times} times)': '{message}（{times} 次）',
  '{part} of {model} by {maker}': '{model} 的 {part}（经由 {maker}）',
  'MIG {0} of {1}{2}': '{1}{2} 的 MIG {0}',
  'Waits, first in line: {0}': '等待，排在首位：{0}',
  '{missing} more cores; {used} of {all} are in use by {who}':
    '再空出 {missing} 个核（共 {all} 个，{who} 占用 {used} 个）',
  'ran out of disk while it wrote its outputs': '写出输出时磁盘已满'
};

const book = new Phrasebook(TEMPLATES);

/** The words of a page of its own. */
const trans = (): TranslationBundle =>
  Object.create(nullTranslator.load('cnai_lab')) as TranslationBundle;

describe('A text', () => {
  const cases: [string, string, string][] = [
    ['is a template', 'Waiting for room.', '等待空位。'],
    ['is one in the middle of another', 'waiting for room', '等待空位'],
    ['has fields', 'no module torchvision', '缺少模块 torchvision'],
    ['has a sentence in a field', 'Worker 3 has no module x.', '第 3 号 worker 没有模块 x。'],
    ['keeps its names as they are', 'Worker 0 has no module Foo.', '第 0 号 worker 没有模块 Foo。'],
    [
      'takes the template that says most',
      'Worker 1 ended after 3 s with exit code 9.',
      '第 1 号 worker 在 3 s 后以退出码 9 结束。'
    ],
    [
      'has two fields side by side',
      'Your code raised ValueError in worker 0: bad label 7',
      '您的代码在第 0 号 worker 中引发 ValueError：bad label 7'
    ],
    [
      'has a field that is empty',
      'Your code raised ValueError in a worker',
      '您的代码在某个 worker 中引发 ValueError'
    ],
    ['has a number with a point', 'Worker 0 was given 1.5 GiB.', '第 0 号 worker 得到 1.5 GiB。'],
    [
      'has a sentence after a number with a point',
      'Worker 0 was given 1.5 GiB. It used 2.5 GiB.',
      '第 0 号 worker 得到 1.5 GiB。它使用了 2.5 GiB。'
    ],
    [
      'is several sentences',
      'Worker 2 ended. Waiting for room.',
      '第 2 号 worker 已结束。等待空位。'
    ],
    [
      'is several of which two are one template',
      'Worker 2 ended. Ask for less. Or wait. Waiting for room.',
      '第 2 号 worker 已结束。请减少请求，或等待。等待空位。'
    ],
    [
      'is several of which one is unknown',
      'Waiting for room. Nobody knows this. Worker 2 ended.',
      '等待空位。Nobody knows this. 第 2 号 worker 已结束。'
    ],
    ['is a list', 'waiting for room; worker 2 ended', '等待空位；第 2 号 worker 已结束'],
    ['counts up what is all known', '2 workers, cpu 1.5', '2 个 worker，CPU 1.5 核'],
    ['counts up what is not all known', '2 workers, exit code 9, x', '2 workers, exit code 9, x'],
    ['counts up before it looks into fields', '1 of memory, cpu 2', '1 内存，CPU 2 核'],
    ['has a count that is none', 'several workers', 'several workers'],
    [
      'has sentences in a field',
      'The cluster refused it: Worker 1 ended. Waiting for room.',
      '集群拒绝了它：第 1 号 worker 已结束。等待空位。'
    ],
    [
      'says one thing of another',
      'Waits, first in line: 0.5 more cores; 1 of 2 are in use by worker 1.',
      '等待，排在首位：再空出 0.5 个核（共 2 个，第 1 号 worker 占用 1 个）。'
    ],
    [
      'says one thing of another in the middle',
      'Waits for 0.5 more cores; 1 of 2 are in use by digits-3',
      '等待：再空出 0.5 个核（共 2 个，digits-3 占用 1 个）'
    ],
    [
      'has one of several things in a field',
      'Waits for worker 1, worker 2 or a worker',
      '等待：第 1 号 worker、第 2 号 worker 或某个 worker'
    ],
    [
      'has a long name in a field',
      'no module NVIDIA A100-SXM4-80GB (20 GiB)',
      '缺少模块 NVIDIA A100-SXM4-80GB (20 GiB)'
    ],
    [
      'has one of two things of the same form in a field',
      'Waits for 1/2 of A by X or 1/4 of B by Y',
      '等待：A 的 1/2（经由 X）或 B 的 1/4（经由 Y）'
    ],
    [
      'has two fields side by side, of which the second is in parentheses',
      'MIG 1g.10gb of NVIDIA A100 (9.5 GiB)',
      'NVIDIA A100 (9.5 GiB) 的 MIG 1g.10gb'
    ],
    [
      'is anybody’s, with a word of ours',
      'Back-off pulling image "x" for long (4 times)',
      'Back-off pulling image "x" for long（4 次）'
    ],
    ['has one of several names in a field', 'no module X or y-1', '缺少模块 X 或 y-1'],
    [
      'has what a person’s own code said',
      'Your code raised NameError in worker 0: waiting for room',
      '您的代码在第 0 号 worker 中引发 NameError：waiting for room'
    ],
    ['has lost its parentheses', 'out of memory in worker 12', '第 12 号 worker 内存不足'],
    ['is cut', 'ran out of disk while it wrote…', '写出输出时磁盘已满'],
    ['is cut in a field', 'no module a_very_long…', '缺少模块 a_very_long…'],
    ['is cut before a field', 'worker 12 has no mod…', '第 12 号 worker 没有模块 …'],
    [
      'says more than a template of little',
      'Worker 3 does nothing of this.',
      'Worker 3 does nothing of this.'
    ],
    ['is nobody’s', 'Error from server (Forbidden): no', 'Error from server (Forbidden): no'],
    ['has a beginning only', 'no modulex', 'no modulex'],
    ['has nothing to translate', '0.5', '0.5']
  ];
  it.each(cases)('%s', (_, text, other) => {
    expect(book.translate(text)).toBe(other);
  });

  it('has a name in quotes, which is nobody’s sentence', () => {
    expect(book.translate("There is no job 'a worker'.")).toBe("没有任务 'a worker'。");
  });

  it('has an argument, which is code', () => {
    const code = new Phrasebook({ '{name}={value} is too much': '{name}={value} 太多', memory: '内存' }); // prettier-ignore
    expect(code.translate('memory=9 is too much')).toBe('memory=9 太多');
  });

  it('takes no part of one sentence and of the next for a field', () => {
    const two = new Phrasebook({ 'The job {name} ended.': '任务 {name} 已结束。' });
    expect(two.translate('The job a ended. The job b ended.')).toBe(
      '任务 a 已结束。任务 b 已结束。'
    );
  });

  it('has the same field twice with the same in it', () => {
    const twice = new Phrasebook({ '{a} waits for {a}': '{a} 等待自己' });
    expect(twice.translate('x waits for x')).toBe('x 等待自己');
    expect(twice.translate('x waits for y')).toBe('x waits for y');
  });
});

describe('Many and hostile texts', () => {
  const many = Object.fromEntries(
    Array.from({ length: 1_500 }, (_, n) => [`Thing ${n} of {a} is at {b}, with {c}.`, `第 ${n} 个 {a}：{b}，{c}。`]) // prettier-ignore
  );

  it('are found among many templates while a frame lasts', () => {
    const large = new Phrasebook({ ...many, ...TEMPLATES });
    const texts = Array.from({ length: 5_000 }, (_, n) => `Worker ${n} ended.`);
    expect(large.translate('Thing 7 of x is at y, with z.')).toBe('第 7 个 x：y，z。');
    const begun = performance.now();
    texts.forEach(text => large.translate(text));
    // 100 ms for 5,000 rows at once on an idle machine; a list draws thirty.
    expect(performance.now() - begun).toBeLessThan(5_000);
  });

  it('take no time that grows with more than their length', () => {
    const greedy = new Phrasebook({ '{a} a {b} a {c} a {d} a {e} a {f}!': '{a}{b}{c}{d}{e}{f}' });
    const text = 'a '.repeat(1_900);
    expect(greedy.translate(text)).toBe(text);
  });

  it('are too long for a sentence of ours', () => {
    const text = 'Waiting for room. '.repeat(1_000);
    expect(book.translate(text)).toBe(text);
  });
});

describe('The page', () => {
  it('says everything in English until it has learned another language', () => {
    const words = trans();
    expect(said('Waiting for room.', words)).toBe('Waiting for room.');
    learn({ locale: 'zh_CN', sentences: TEMPLATES }, words);
    expect(said('Waiting for room.', words)).toBe('等待空位。');
    expect(said('Waiting for room.', trans())).toBe('Waiting for room.');
  });

  it('shows foreign text on one line in either language', () => {
    const words = trans();
    expect(said('no module \u001b[31mx\u001b[0m\n', words)).toBe('no module x');
    learn({ locale: 'zh_CN', sentences: TEMPLATES }, words);
    expect(said('no module \u001b[31mx\u001b[0m\n', words)).toBe('缺少模块 x');
    expect(said(undefined, words)).toBe('');
  });

  it('dates things as its language does', () => {
    const words = trans();
    expect(dateText(1_800_000_000, words)).not.toMatch(/年/);
    learn({ locale: 'zh_CN', sentences: TEMPLATES }, words);
    expect(dateText(1_800_000_000, words)).toMatch(/^2027年1月15日/);
  });

  it('puts the sentences of a problem together as its language does', () => {
    const problem = { what: 'Worker 1 ended.', why: '', next_step: 'Waiting for room.' };
    const words = trans();
    expect(problemText(problem, words)).toBe('Worker 1 ended. Waiting for room.');
    learn({ locale: 'zh_CN', sentences: TEMPLATES }, words);
    expect(problemText(problem, words)).toBe('第 1 号 worker 已结束。等待空位。');
    expect(saidTogether([], words)).toBe('');
  });
});

describe('The language', () => {
  const asked = jest.spyOn(ServerConnection, 'makeRequest');
  const settings = ServerConnection.makeSettings();
  const lab = (languageCode: string) => ({ languageCode, load: trans });
  const answer = (body: unknown, status = 200) =>
    asked.mockResolvedValueOnce(new Response(JSON.stringify(body), { status }));

  beforeEach(() => asked.mockReset());

  it.each(['en', 'en_US', 'en-GB'])('is not asked for in English (%s)', async locale => {
    await learnFrom(settings, lab(locale), trans());
    expect(asked).not.toHaveBeenCalled();
  });

  it('is asked for once, and kept by the browser', async () => {
    answer({ locale: 'zh_CN', sentences: TEMPLATES });
    const words = trans();
    await learnFrom(settings, lab('zh_CN'), words);
    expect(asked).toHaveBeenCalledTimes(1);
    const [url, init] = asked.mock.calls[0]!;
    expect(url).toContain('cnai/api/sentences?locale=zh_CN');
    expect(init).toEqual({ cache: 'no-cache' });
    expect(said('no module x', words)).toBe('缺少模块 x');
  });

  it('stays English where there is none, or no answer', async () => {
    const words = trans();
    answer({ locale: 'fr_FR' });
    await learnFrom(settings, lab('fr_FR'), words);
    answer({ what: 'No.' }, 500);
    await learnFrom(settings, lab('zh_CN'), words);
    asked.mockRejectedValueOnce(new TypeError('gone'));
    await learnFrom(settings, lab('zh_CN'), words);
    expect(said('no module x', words)).toBe('no module x');
  });
});
