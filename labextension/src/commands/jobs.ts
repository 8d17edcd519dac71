import { Dialog, showDialog } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { Act, Acted, Refused, Workload } from '../generated/wire';
import { Commands, IKey, IStore } from '../tokens';
import { hasEnded, shownName } from '../words';

const NAMED = 5;

/** What is done to jobs, by `{ keys: IKey[] }`; each answers what was done and what was refused. */
export function addJobCommands(
  commands: CommandRegistry,
  store: IStore,
  trans: TranslationBundle
): void {
  const own = (key: IKey): Workload | null => {
    const workload = store.find(key)?.row.workload;
    return workload && (workload.managed ?? true) ? workload : null;
  };
  const some = (
    args: ReadonlyPartialJSONObject,
    fits: (workload: Workload) => boolean
  ): boolean => {
    const reached = store.connection === 'live' || store.connection === 'resting';
    return reached && keysOf(args).some(key => fits(own(key) ?? GONE));
  };
  commands.addCommand(Commands.stop, {
    label: trans.__('Stop'),
    isEnabled: args => some(args, ({ phase }) => !hasEnded(phase)),
    execute: args => act(store, 'stop', keysOf(args))
  });
  commands.addCommand(Commands.rerun, {
    label: trans.__('Run again'),
    isEnabled: args => some(args, workload => workload !== GONE && hasEnded(workload.phase)),
    execute: args => act(store, 'rerun', keysOf(args))
  });
  commands.addCommand(Commands.delete, {
    label: trans.__('Delete…'),
    isEnabled: args => some(args, workload => workload !== GONE),
    execute: async args => {
      const keys = keysOf(args);
      return (await mayDelete(store, keys, trans)) ? act(store, 'delete', keys) : null;
    }
  });
}

const GONE: Workload = { id: '', name: '', kind: '', phase: 'Stopped', backend: '' };

/** The jobs that a command is about. */
export function keysOf(args: ReadonlyPartialJSONObject): IKey[] {
  const given: unknown = args['keys'];
  return Array.isArray(given) ? given.filter(isKey) : isKey(args) ? [args] : [];
}

function isKey(value: unknown): value is IKey {
  const key = value as Partial<IKey> | null;
  return typeof key?.source === 'string' && typeof key.id === 'string';
}

/** One request a source; what they answer, together. */
async function act(store: IStore, what: Act['do'], keys: readonly IKey[]): Promise<Acted> {
  const sources = [...new Set(keys.map(({ source }) => source))];
  const answers = await Promise.all(
    sources.map(source => {
      const ids = keys.filter(key => key.source === source).map(({ id }) => id);
      return store.act(source, { do: what, ids });
    })
  );
  return {
    done: answers.flatMap(({ done }) => done ?? []),
    refused: answers.flatMap(({ refused }): Refused[] => refused ?? []),
    made: answers.flatMap(({ made }): Workload[] => made ?? [])
  };
}

/** Ask, with their names; a job that still runs is stopped first, and that is said. */
async function mayDelete(
  store: IStore,
  keys: readonly IKey[],
  trans: TranslationBundle
): Promise<boolean> {
  const found = keys.flatMap(key => store.find(key)?.row.workload ?? []);
  if (!found.length) {
    return false;
  }
  const running = found.filter(({ phase }) => !hasEnded(phase)).length;
  const { button } = await showDialog({
    title: trans._n('Delete %1 job?', 'Delete %1 jobs?', found.length),
    body: [
      trans.__('%1, with logs and outputs.', names(found, trans)),
      running
        ? trans._n(
            '%1 still runs and is stopped first.',
            '%1 still run and are stopped first.',
            running
          )
        : '',
      trans.__('This cannot be undone.')
    ]
      .filter(Boolean)
      .join(' '),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({
        label: trans._n('Delete %1 job', 'Delete %1 jobs', found.length)
      })
    ],
    defaultButton: 0
  });
  return button.accept;
}

function names(workloads: readonly Workload[], trans: TranslationBundle): string {
  const shown = workloads.slice(0, NAMED).map(shownName).join(', ');
  const more = workloads.length - NAMED;
  return more > 0 ? trans._n('%2 and %1 more', '%2 and %1 more', more, shown) : shown;
}
