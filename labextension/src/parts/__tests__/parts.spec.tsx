import { nullTranslator } from '@jupyterlab/translation';
import { act, cleanup, render, screen } from '@testing-library/react';
import React from 'react';

import { FakeStore, LOCAL, NOW, row } from '../../__tests__/fakes';
import { Row } from '../../generated/wire';
import { kindIcons } from '../../icons';
import { AgeText } from '../age';
import { KindMark, PhaseMark, PlaceMark } from '../marks';
import { pathOf, Spark } from '../spark';
import { useStore } from '../useStore';

const trans = nullTranslator.load('cnai_lab');

afterEach(cleanup);

function marked(row: Row): Element {
  return render(<PhaseMark row={row} trans={trans} />).container.firstElementChild!;
}

function arcOf(mark: Element): Element | undefined {
  return [...mark.querySelectorAll('circle[pathLength]')][0];
}

describe('PhaseMark', () => {
  it.each(['Queued', 'Starting', 'Running', 'Ready', 'Succeeded', 'Failed', 'Stopped'])(
    'of %s has its word, and an outline of its own',
    phase => {
      const mark = marked(row('a', { phase }));
      expect(mark.getAttribute('aria-label')).toBe(phase);
      expect(mark.classList).toContain(`cnai-mod-${phase.toLowerCase()}`);
      cleanup();
      expect(mark.innerHTML).not.toBe(marked(row('a', { phase: 'Hibernating' })).innerHTML);
    }
  );

  it.each(['Hibernating', 'constructor', '__proto__'])('of %s names the foreign word', phase => {
    const mark = marked(row('a', { phase }));
    expect(mark.getAttribute('aria-label')).toBe(`Unknown (${phase})`);
    expect(mark.classList).toContain('cnai-mod-unknown');
  });

  it('shows by its arc how far a running one is', () => {
    const progress = { done: 12, total: 30 };
    expect(arcOf(marked(row('a', { progress })))?.getAttribute('stroke-dasharray')).toBe('40 100');
    expect(arcOf(marked(row('a', { progress: { done: 0, total: 30 } })))).toBeUndefined();
  });

  it('turns only while the length is unknown', () => {
    expect(marked(row('a')).querySelector('.cnai-mod-turning')).not.toBeNull();
    const known = marked(row('a', { progress: { done: 1, total: 2 } }));
    expect(known.querySelector('.cnai-mod-turning')).toBeNull();
  });
});

it('marks of kinds and places say in words what they are', () => {
  render(
    <>
      <KindMark kind="tune" trans={trans} />
      <KindMark kind="constructor" trans={trans} />
      <PlaceMark source={LOCAL} trans={trans} />
      <PlaceMark source={{ id: 'k', name: 'kubernetes', place: 'team-a' }} trans={trans} />
    </>
  );
  const said = screen.getAllByRole('img').map(mark => mark.getAttribute('aria-label'));
  expect(said).toEqual(['tuning', 'constructor', 'This machine', 'team-a']);
});

it('there is an icon for each kind, and none for a word of the server', () => {
  expect([...kindIcons.keys()]).toEqual(['train', 'tune', 'serve', 'pipeline']);
  expect(kindIcons.get('train')!.svgstr).toContain('<svg');
  expect(kindIcons.get('constructor')).toBeUndefined();
});

describe('Spark', () => {
  it('draws its values from left to right, the greatest on top', () => {
    expect(pathOf([0, 1, 0.5], 42, 22)).toBe('M1 21L21 1L41 11');
  });

  it('has a gap where a value is no number', () => {
    expect(pathOf([0, NaN, 1, Infinity, 0], 42, 22)).toBe('M1 21M21 1M41 21');
  });

  it('of one value, or of the same values, is a line in the middle', () => {
    expect(pathOf([3, 3], 42, 22)).toBe('M1 11L41 11');
  });

  it('of nothing draws nothing', () => {
    const { container } = render(<Spark values={['NaN']} width={42} height={22} />);
    expect(container.querySelector('path')?.getAttribute('d')).toBe('');
  });
});

describe('AgeText', () => {
  let store: FakeStore;
  let now: number;

  beforeEach(() => {
    jest.useFakeTimers();
    store = new FakeStore();
    now = NOW;
    store.now = () => now;
  });

  afterEach(() => {
    cleanup();
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  function pass(seconds: number): void {
    act(() => {
      for (let second = 0; second < seconds; second++) {
        now++;
        jest.advanceTimersByTime(1000);
      }
    });
  }

  function shown(since: number): Element {
    return render(<AgeText store={store} since={since} trans={trans} />).container.querySelector(
      'time'
    )!;
  }

  it('counts seconds, then minutes, with one timer for all', () => {
    const [young, old] = [shown(NOW - 8), shown(NOW - 120)];
    expect([young.textContent, old.textContent]).toEqual(['8\u00a0s', '2\u00a0m']);
    expect(jest.getTimerCount()).toBe(1);
    pass(3);
    expect(young.textContent).toBe('11\u00a0s');
    pass(60);
    expect([young.textContent, old.textContent]).toEqual(['1\u00a0m', '3\u00a0m']);
  });

  it('stops at the last word from the server while nothing is heard', () => {
    store.asOf = NOW;
    store.connection = 'stale';
    const age = shown(NOW - 8);
    pass(5);
    expect(age.textContent).toBe('8\u00a0s');
  });

  it('has the full date in its title', () => {
    const age = shown(NOW);
    expect(age.getAttribute('title')).toContain('2027');
    expect(age.getAttribute('datetime')).toBe('2027-01-15T08:00:00.000Z');
  });
});

describe('useStore', () => {
  it('draws again when something changed', () => {
    const store = new FakeStore([row('a')]);
    function Count(): JSX.Element {
      useStore(store);
      return <b>{store.entries.length}</b>;
    }
    const { container } = render(<Count />);
    act(() => store.setRows([row('a'), row('b')]));
    expect(container.textContent).toBe('2');
  });

  it('draws again only when what is picked changed', () => {
    const store = new FakeStore();
    let drawn = 0;
    function State(): JSX.Element {
      drawn++;
      return <b>{useStore(store, each => each.connection)}</b>;
    }
    const { container } = render(<State />);
    act(() => store.setRows([row('a')]));
    expect(drawn).toBe(1);
    act(() => store.setConnection('stale'));
    expect(container.textContent).toBe('stale');
  });

  it('misses no change that comes while a part is being mounted', () => {
    const store = new FakeStore([row('a')]);
    function Early(): JSX.Element {
      React.useLayoutEffect(() => store.setRows([row('a'), row('b')]), []);
      useStore(store);
      return <b>{store.entries.length}</b>;
    }
    expect(render(<Early />).container.textContent).toBe('2');
  });
});
