import { JupyterFrontEnd } from '@jupyterlab/application';
import { Dialog, showDialog, showErrorMessage } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { Widget } from '@lumino/widgets';

import { problemOf } from '../api';
import { canBeDone, commandOf, Deed } from '../deeds';
import { Act, Acted, Refused, Workload } from '../generated/wire';
import { JobTab } from '../panels/job/widget';
import { refusalText } from '../panels/side/switcher';
import { problemText } from '../sentences';
import { IKey, IStore } from '../tokens';
import { hasEnded, shownName } from '../words';

const NAMED = 5;

/** What is done to jobs, by `{ keys: IKey[] }`; each answers what was done and what was refused. */
export function addJobCommands(
  app: Pick<JupyterFrontEnd, 'commands' | 'shell'>,
  store: IStore,
  trans: TranslationBundle
): void {
  const add = (deed: Deed, words: { label: string; caption: string }) => {
    const keysFor = (args: ReadonlyPartialJSONObject) => {
      const keys = keysOf(args);
      return keys.length ? keys : keyOfPage(app.shell.currentWidget);
    };
    const why = (args: ReadonlyPartialJSONObject) => whyNot(keysFor(args), store, deed, trans);
    app.commands.addCommand(commandOf[deed], {
      label: words.label,
      caption: args => why(args) || words.caption,
      isEnabled: args => why(args) === '',
      execute: async args => {
        const keys = keysFor(args);
        if (deed === 'delete' && !(await mayDelete(store, keys, trans))) {
          return null;
        }
        const acted = act(store, deed, keys);
        return keysOf(args).length ? acted : sayRefusal(acted, trans);
      }
    });
  };
  add('stop', {
    label: trans.__('Stop'),
    caption: trans.__('Ask the job to end')
  });
  add('suspend', {
    label: trans.__('Suspend'),
    caption: trans.__('Pause the job, and give its room to others')
  });
  add('resume', {
    label: trans.__('Resume'),
    caption: trans.__('Let the job go on as soon as there is room')
  });
  add('rerun', {
    label: trans.__('Run again'),
    caption: trans.__('Start a new job with the same code and arguments')
  });
  add('delete', {
    label: trans.__('Delete…'),
    caption: trans.__('Remove the job with its logs and outputs')
  });
}

/** Why nothing can be done to these jobs now; '' when it can. */
function whyNot(
  keys: readonly IKey[],
  store: IStore,
  deed: Deed,
  trans: TranslationBundle
): string {
  if (store.connection !== 'live' && store.connection !== 'resting') {
    return trans.__('Waits for the server, which does not answer');
  }
  const found = keys.flatMap(key => store.find(key) ?? []);
  if (!found.length) {
    return trans.__('Choose a job in the panel, or open its page');
  }
  if (found.every(({ row }) => row.workload.managed === false)) {
    return trans.__('Not made by cnai, read-only');
  }
  return found.some(entry => canBeDone(deed, entry, store))
    ? ''
    : trans.__('Not in this phase of the job');
}

/** From the palette or by a key, a command is about the job whose page is in front. */
function keyOfPage(widget: Widget | null): IKey[] {
  return widget instanceof JobTab ? [widget.key] : [];
}

/** A refusal that has no row to be said in. */
async function sayRefusal(doing: Promise<Acted>, trans: TranslationBundle): Promise<Acted> {
  let why: string;
  let acted: Acted = {};
  try {
    acted = await doing;
    why = (acted.refused ?? []).map(({ problem }) => problemText(problem, trans)).join(' ');
  } catch (reason) {
    why = refusalText(reason, trans);
  }
  if (why) {
    await showErrorMessage(trans.__('Not done'), why);
  }
  return acted;
}

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
      const doing = store.act(source, { do: what, ids });
      // Where one place refuses, what was done in the others is still to be told.
      return sources.length > 1 ? doing.catch(reason => refusedAll(ids, reason)) : doing;
    })
  );
  return {
    done: answers.flatMap(({ done }) => done ?? []),
    refused: answers.flatMap(({ refused }): Refused[] => refused ?? []),
    made: answers.flatMap(({ made }): Workload[] => made ?? [])
  };
}

function refusedAll(ids: readonly string[], reason: unknown): Acted {
  return { refused: ids.map(id => ({ id, problem: problemOf(reason) })) };
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
