import { FakeStore, LOCAL, NOW, row } from '../../__tests__/fakes';
import { attachCode } from '../../cells/python';
import { addressOf } from '../address';

function codeFor(store: FakeStore, id: string, source = 'local'): string {
  const [name, use] = addressOf(store.find({ source, id })!, store);
  return attachCode(name, true, use);
}

describe('the lines that attach to a job', () => {
  it('name it', () => {
    expect(codeFor(new FakeStore([row('digits')]), 'digits-1')).toBe(
      'job = cnai.job("digits")\njob'
    );
  });

  it('use its id where a newer job answers to the name', () => {
    const store = new FakeStore([
      row('digits', { created: NOW - 80 }),
      row('digits-2', { base: 'digits', created: NOW - 10 })
    ]);
    expect(codeFor(store, 'digits-1')).toContain('cnai.job("digits-1")');
    expect(codeFor(store, 'digits-2-1')).toContain('cnai.job("digits-2")');
  });

  it('ask the place where it is, without changing that of the notebook', () => {
    const far = { ...LOCAL, id: 'far', name: 'kubernetes', context: 'gpu-lab', namespace: 'a' };
    const store = new FakeStore([], [LOCAL, far]);
    store.setRows([row('digits')], 'far');
    expect(codeFor(store, 'digits-1', 'far')).toBe(
      'client = cnai.Client()\nclient.use("kubernetes", context="gpu-lab", namespace="a")\n' +
        'job = client.job("digits")\njob'
    );
  });

  it('quote a hostile name', () => {
    const name = '"); import os\u2028\u202e #';
    const store = new FakeStore([row(name, { id: 'x' })]);
    expect(codeFor(store, 'x')).toBe('job = cnai.job("\\"); import os\\u2028\\u202e #")\njob');
  });
});
