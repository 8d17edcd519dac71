import { pythonString } from '../cells/python';
import { Source } from '../generated/wire';
import { IEntry, IStore } from '../tokens';

/**
 * By what `cnai.job()` finds a job, and the `cnai.use()` that must go before it, unless notebooks
 * look there anyway.
 *
 * A name gives the newest job that has it; where that is another one, the id is needed.
 */
export function addressOf({ source, row }: IEntry, store: IStore): [string, string | null] {
  const { workload } = row;
  const place = store.place(source);
  const hidden = place?.entries.some(other => {
    const { id, name, base, display_name, created = 0 } = other.row.workload;
    const answers = [name, base, display_name].includes(workload.name);
    return id !== workload.id && answers && created >= (workload.created ?? 0);
  });
  const elsewhere = place && store.serving && store.serving.source !== source;
  return [hidden ? workload.id : workload.name, elsewhere ? useOf(place.source) : null];
}

/** The arguments of `cnai.use()` that lead to a place. */
function useOf({ name, context, namespace }: Source): string {
  const named = Object.entries({ context, namespace }).filter(([, value]) => value);
  return [
    pythonString(name),
    ...named.map(([key, value]) => `${key}=${pythonString(value!)}`)
  ].join(', ');
}
