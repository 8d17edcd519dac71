import { canBeDone, Deed, DEEDS } from '../deeds';
import { IEntry } from '../tokens';
import { FakeStore, LOCAL, row } from './fakes';

const PAUSES = new FakeStore([], [{ ...LOCAL, suspend: true }]);
const NEVER = new FakeStore();

function offered(more: object, store = PAUSES): readonly Deed[] {
  const made = row('a', more);
  const entry: IEntry = { source: 'local', id: made.workload.id, row: made };
  return DEEDS.filter(deed => canBeDone(deed, entry, store));
}

describe('what can be done to a job', () => {
  it.each([
    ['waits', { phase: 'Queued' }, ['stop', 'suspend', 'delete']],
    ['runs', { phase: 'Running' }, ['stop', 'suspend', 'delete']],
    ['is suspended', { phase: 'Queued', suspended: true }, ['stop', 'resume', 'delete']],
    ['has ended', { phase: 'Failed' }, ['rerun', 'delete']],
    ['was stopped while suspended', { phase: 'Stopped', suspended: true }, ['rerun', 'delete']],
    ['another made', { phase: 'Running', managed: false }, []]
  ])('that %s', (_, more, deeds) => expect(offered(more)).toEqual(deeds));

  it('is not to suspend it where its place cannot', () => {
    expect(offered({ phase: 'Running' }, NEVER)).toEqual(['stop', 'delete']);
    expect(offered({ phase: 'Queued', suspended: true }, NEVER)).toEqual(['stop', 'delete']);
  });
});
