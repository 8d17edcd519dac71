import { IEntry, IStore } from '../tokens';

/**
 * By what `cnai.job()` finds a job, and the backend to ask unless notebooks look there anyway.
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
  const backend = place?.source.name ?? null;
  return [
    hidden ? workload.id : workload.name,
    store.serving && backend !== store.serving.backend ? backend : null
  ];
}
