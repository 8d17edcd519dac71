import { readdirSync, readFileSync } from 'fs';
import { join, resolve } from 'path';

import { Phrasebook } from '../phrasebook';

const FOLDER = resolve(__dirname, '../../../cnai_sdk/locale/zh_CN/sentences');
const ENTRY = /^("(?:[^"\\]|\\.)*") = ("(?:[^"\\]|\\.)*")$/gm;
const FIELD = /\{(\w+)\}/g;
/** Of two fields side by side, or one after a full stop, only what is in them tells where each begins. */
const SIDE_BY_SIDE = /\}\{|\.\{/;
const SAMPLES: Readonly<Record<string, string>> = {
  worker: 'worker 3',
  Worker: 'worker 3',
  rank: '3',
  times: '4',
  line: '1,204',
  count: '7',
  amount: '7 GiB'
};

const templates = Object.fromEntries(
  readdirSync(FOLDER)
    .map(name => readFileSync(join(FOLDER, name), 'utf-8'))
    .flatMap(text => [...text.matchAll(ENTRY)])
    .map(([, english, other]) => [JSON.parse(english!), JSON.parse(other!)] as [string, string])
);
const book = new Phrasebook(templates);

function filled(template: string): string {
  return template.replace(FIELD, (_, name: string) => SAMPLES[name] ?? `Qx${name}`);
}

/** Where a sentence is one of several ways to say it, both end as they do. */
function bare(text: string): string {
  return text.replace(/(?<!\.)[.。]$/, '');
}

describe('The Chinese of the SDK’s sentences', () => {
  const keys = Object.keys(templates);

  it('is all there', () => {
    expect(keys.length).toBeGreaterThan(1_500);
  });

  it('is what each sentence is shown as, and no other one of them', () => {
    const taken = keys
      .filter(key => !SIDE_BY_SIDE.test(key))
      .map(key => [filled(key), bare(book.translate(filled(key))), bare(filled(templates[key]!))])
      .filter(([, shown, meant]) => shown !== meant);
    expect(taken).toEqual([]);
  });

  it('has a sentence, its list and its place put together', () => {
    const of = (text: string): string => book.translate(text);
    expect(of('2 workers, cpu 0.5, memory 512 MiB')).toBe('2 个 worker，CPU 0.5 核，内存 512 MiB');
    expect(of('Your code raised ValueError in worker 1: bad label')).toBe(
      '您的代码在 worker 1 中引发了 ValueError：bad label'
    );
    expect(of('Cell [4], line 8 raised it. Workers 0, 2 then lost a peer.')).toBe(
      '单元格 [4] 第 8 行引发了它。0, 2 号 worker 随后失去了同伴。'
    );
    expect(
      of('No node has room: of 3 nodes, 1 has too little free memory, 2 are closed for new work')
    ).toBe('没有节点有空位：3 个节点中，1 个空闲内存太少，2 个不接受新工作');
  });
});
