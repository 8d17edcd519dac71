import { Act } from './generated/wire';
import { Commands, IEntry, IStore } from './tokens';
import { hasEnded } from './words';

/** What can be done to jobs, one or several at once. */
export type Deed = Act['do'];

/** In the order in which they are offered. */
export const DEEDS: readonly Deed[] = ['stop', 'suspend', 'resume', 'rerun', 'delete'];

export const commandOf: Readonly<Record<Deed, string>> = {
  stop: Commands.stop,
  suspend: Commands.suspend,
  resume: Commands.resume,
  rerun: Commands.rerun,
  delete: Commands.delete
};

/** Whether it can be done to this job: who made it, how it stands, and what its place can do. */
export function canBeDone(deed: Deed, { source, row }: IEntry, store: IStore): boolean {
  const { managed = true, phase, suspended = false } = row.workload;
  const ended = hasEnded(phase);
  const pauses = !ended && (store.place(source)?.source.suspend ?? false);
  const fits: Record<Deed, boolean> = {
    stop: !ended,
    suspend: pauses && !suspended,
    resume: pauses && suspended,
    rerun: ended,
    delete: true
  };
  return managed && fits[deed];
}
