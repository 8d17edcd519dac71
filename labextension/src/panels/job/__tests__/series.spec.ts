import { Metric } from '../../../generated/wire';
import { NOW, row } from '../../../__tests__/fakes';
import { columnsOf, incrementsOf, oddOf, sampled, seriesOf } from '../series';

function report(step: number | null, values: Metric['values'], more: Partial<Metric> = {}): Metric {
  return { step, values, ...more };
}

describe('the series of a job', () => {
  it('are those of rank 0 in its last attempt, by step', () => {
    const metrics = [
      report(1, { loss: 9 }, { attempt: 0 }),
      report(2, { loss: 2 }, { attempt: 1 }),
      report(1, { loss: 3, accuracy: 0.1 }, { attempt: 1 }),
      report(1, { loss: 7 }, { attempt: 1, rank: 1 })
    ];
    expect(seriesOf(metrics)).toEqual([
      {
        name: 'loss',
        points: [
          { x: 1, value: 3 },
          { x: 2, value: 2 }
        ]
      },
      { name: 'accuracy', points: [{ x: 1, value: 0.1 }] }
    ]);
  });

  it('are those of the lowest rank that spoke where rank 0 is silent', () => {
    const metrics = [report(1, { loss: 3 }, { rank: 2 }), report(1, { loss: 4 }, { rank: 1 })];
    expect(seriesOf(metrics)).toEqual([{ name: 'loss', points: [{ x: 1, value: 4 }] }]);
  });

  it('count the reports where no step is given', () => {
    const points = seriesOf([report(null, { a: 5 }), report(null, { a: 6 })])[0]!.points;
    expect(points.map(point => point.x)).toEqual([0, 1]);
  });

  it('keep NaN and the infinities', () => {
    const metrics = [
      report(1, { loss: 1 }),
      report(2, { loss: 'NaN' }),
      report(3, { loss: '-Infinity' })
    ];
    const { points } = seriesOf(metrics)[0]!;
    expect(oddOf(points)).toEqual([
      { x: 2, value: NaN },
      { x: 3, value: -Infinity }
    ]);
  });

  it('of a thousand names and of names of objects are no more than names', () => {
    const names = seriesOf([report(1, { constructor: 1, ['__proto__x']: 2 })]).map(one => one.name);
    expect(names).toEqual(['constructor', '__proto__x']);
  });
});

describe('the columns of a chart', () => {
  const own = [
    { x: 1, value: 1 },
    { x: 2, value: NaN },
    { x: 3, value: 3 }
  ];

  it('have a gap where a value is no number', () => {
    expect(columnsOf([own])).toEqual({ x: [1, 2, 3], lines: [[1, null, 3]] });
  });

  it('do not part a line where only the other job has a step', () => {
    const other = [{ x: 2.5, value: 7 }];
    const { x, lines } = columnsOf([own, other]);
    expect(x).toEqual([1, 2, 2.5, 3]);
    expect(lines).toEqual([
      [1, null, undefined, 3],
      [undefined, undefined, 7, undefined]
    ]);
  });

  it('have a gap where a log scale has no place, or where the span would be infinite', () => {
    const values = [
      { x: 1, value: 0 },
      { x: 2, value: -1 },
      { x: 3, value: 1e308 },
      { x: 4, value: 5 }
    ];
    expect(columnsOf([values], 0).lines).toEqual([[null, null, null, 5]]);
  });
});

describe('the memory of workers', () => {
  const using = (memory: number): ReturnType<typeof row> =>
    row('digits', { started: NOW - 10, replicas: [{ rank: 0, memory }, { rank: 1 }] });

  it('is gathered as it changes, of the workers of which it is known', () => {
    const once = sampled([], using(5), NOW);
    const same = sampled(once, using(5), NOW + 1);
    const twice = sampled(same, using(8), NOW + 2);
    expect(same).toBe(once);
    expect(twice).toEqual([
      {
        rank: 0,
        points: [
          { x: 10, value: 5 },
          { x: 12, value: 8 }
        ]
      }
    ]);
  });
});

describe('the ticks of a chart', () => {
  it('are whole numbers where the steps are', () => {
    const found = incrementsOf([1, 2, 3]);
    expect(found[0]).toBe(1);
    expect(found.every(Number.isInteger)).toBe(true);
    expect(found[found.length - 1]).toBeGreaterThan(1e15);
  });

  it('may lie between steps that are no whole numbers', () => {
    expect(incrementsOf([0.25, 1])).toContain(0.1);
  });

  it('rise', () => {
    const found = incrementsOf([0.5]);
    expect([...found].sort((a, b) => a - b)).toEqual(found);
  });
});
