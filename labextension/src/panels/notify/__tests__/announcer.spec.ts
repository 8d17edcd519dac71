import { FakeStore, row } from '../../../__tests__/fakes';
import { IEntry } from '../../../tokens';
import { Announcer } from '../announcer';

describe('a burst of ends', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('is told once, and the next one again', () => {
    const told: (readonly IEntry[])[] = [];
    const announcer = new Announcer(entries => told.push(entries));
    const [a, b] = new FakeStore([row('a'), row('b')]).entries as [IEntry, IEntry];
    announcer.add(a, 5000);
    jest.advanceTimersByTime(4000);
    announcer.add(b, 5000);
    expect(told).toEqual([]);
    jest.advanceTimersByTime(1000);
    expect(told).toEqual([[a, b]]);
    announcer.add(a, 5000);
    jest.advanceTimersByTime(5000);
    expect(told).toEqual([[a, b], [a]]);
  });
});
