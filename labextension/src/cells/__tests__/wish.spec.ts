import { nullTranslator } from '@jupyterlab/translation';

import { emptyWish, IWish, problems, trainCall } from '../wish';

const trans = nullTranslator.load('cnai_lab');
const fn = {
  name: 'digits',
  parameters: [
    { name: 'lr', value: '0.05' },
    { name: 'data', value: null }
  ]
};

function wish(part: Partial<IWish> = {}): IWish {
  const empty = emptyWish(fn);
  return { ...empty, ...part, args: { ...empty.args, data: '"x"', ...part.args } };
}

describe('the line that the form stands for', () => {
  it('says only what is not the default', () => {
    expect(trainCall(fn, wish())).toBe('job = cnai.train(digits, args={"data": "x"})');
    expect(
      trainCall(
        fn,
        wish({ workers: '2', cpu: '0.5', memory: '8', gpu: '0.25', args: { lr: '0.1' } })
      )
    ).toBe(
      'job = cnai.train(digits, workers=2, cpu=0.5, memory="8Gi", gpu=0.25, ' +
        'args={"lr": 0.1, "data": "x"})'
    );
  });

  it('takes an amount of memory as it is written', () => {
    expect(trainCall(fn, wish({ memory: '512Mi' }))).toContain('memory="512Mi"');
  });
});

describe('what keeps the form from being sent', () => {
  it('is nothing when everything can be carried out', () => {
    expect(
      problems(fn, wish({ workers: '4', cpu: '2', memory: '1.5Gi', gpu: '2' }), trans).size
    ).toBe(0);
  });

  it.each([
    ['workers', { workers: '0' }],
    ['workers', { workers: '1.5' }],
    ['cpu', { cpu: '-1' }],
    ['memory', { memory: '8GB' }],
    ['gpu', { gpu: '1.5' }],
    ['lr', { args: { lr: '(1' } }],
    ['data', { args: { data: '' } }]
  ])('names %s of %j', (field, part: Partial<IWish>) => {
    expect([...problems(fn, wish(part), trans).keys()]).toEqual([field]);
  });
});
