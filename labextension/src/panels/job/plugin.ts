import { ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { WidgetTracker } from '@jupyterlab/apputils';
import { PageConfig, URLExt } from '@jupyterlab/coreutils';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator, nullTranslator, TranslationBundle } from '@jupyterlab/translation';
import { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { ISettings } from '../../settings/tokens';
import { DEFAULTS } from '../../settings/values';
import { Commands, IKey, IStore, keyText } from '../../tokens';
import { shownName } from '../../words';
import { IPlaceOnPage, JobTab } from './widget';

/** In the page's address, which job to open: `?cnai-job=local/3f2a`. */
export const LINK = 'cnai-job';

/** The page of one job, a tab of the main area; its code comes when the first one opens. */
export const jobPagePlugin: JupyterFrontEndPlugin<void> = {
  id: 'cnai-lab:job-page',
  description: 'The page of one job: its verdict, metrics, logs and details.',
  autoStart: true,
  requires: [IStore],
  optional: [ILayoutRestorer, IRenderMimeRegistry, ITranslator, ISettings],
  activate: (
    app: JupyterFrontEnd,
    store: IStore,
    restorer: ILayoutRestorer | null,
    rendermime: IRenderMimeRegistry | null,
    translator: ITranslator | null,
    settings: ISettings | null
  ) => {
    const trans = (translator ?? nullTranslator).load('cnai_lab');
    const pages = new JobPages(app, store, rendermime, trans, undefined, settings);
    pages.addCommands();
    if (restorer) {
      void restorer.restore(pages.tracker, {
        command: Commands.open,
        args: tab => ({ ...tab.key }),
        name: tab => keyText(tab.key)
      });
    }
    const linked = keyOfLink(window.location.search);
    if (linked) {
      void app.restored.then(() => pages.open(linked));
    }
  }
};

/** The open pages, one a job. */
export class JobPages {
  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly store: IStore,
    private readonly rendermime: IRenderMimeRegistry | null,
    private readonly trans: TranslationBundle,
    private readonly elsewhere: (url: string) => void = url => void window.open(url, '_blank'),
    private readonly settings: ISettings | null = null
  ) {}

  readonly tracker = new WidgetTracker<JobTab>({ namespace: 'cnai-job' });

  addCommands(): void {
    const { commands } = this.app;
    const describedBy = { args: ARGS };
    commands.addCommand(Commands.open, {
      label: this.trans.__('Open the job page'),
      describedBy,
      execute: args => this._execute(args, {})
    });
    commands.addCommand(Commands.logs, {
      label: this.trans.__('Open the logs'),
      describedBy,
      execute: args => this._execute(args, { ...placeOf(args), at: 'logs' })
    });
  }

  /** Show the page of a job; a new one only where there is none. */
  open(key: IKey, place: IPlaceOnPage = {}): JobTab {
    const found = this.tracker.find(tab => tab.key.source === key.source && tab.key.id === key.id);
    const tab = found ?? this._make(key);
    if (!tab.isAttached) {
      this.app.shell.add(tab, 'main');
    }
    if (!tab.isAttached) {
      // A shell that holds one document, such as Notebook's: JupyterLab shows it in a new window.
      this.elsewhere(linkTo(key));
      tab.dispose();
      return tab;
    }
    this.app.shell.activateById(tab.id);
    tab.goTo(place);
    return tab;
  }

  private _execute(args: ReadonlyPartialJSONObject, place: IPlaceOnPage): JobTab | undefined {
    const key = keyOf(args);
    return key ? this.open(key, place) : undefined;
  }

  private _make(key: IKey): JobTab {
    const entry = this.store.find(key);
    const tab = new JobTab(key, entry ? shownName(entry.row.workload) : this.trans.__('Job'));
    void this.tracker.add(tab);
    void this._fill(tab);
    return tab;
  }

  private async _fill(tab: JobTab): Promise<void> {
    try {
      const { fill } = await import('./page');
      if (!tab.isDisposed) {
        fill(tab, {
          store: this.store,
          commands: this.app.commands,
          rendermime: this.rendermime,
          trans: this.trans,
          logLines: () => (this.settings?.values ?? DEFAULTS).logLines,
          notebookPath: name => pathOf(name, this.app.serviceManager.sessions),
          open: (key: IKey) => void this.open(key)
        });
      }
    } catch {
      tab.fail(this.trans, () => void this._fill(tab));
    }
  }
}

interface ISessions {
  refreshRunning(): Promise<void>;
  running(): Iterable<{ readonly path: string }>;
}

/** The one open notebook of that name, wherever it lies; else the name as it is. */
export async function pathOf(name: string, sessions: ISessions): Promise<string> {
  // JupyterLab asks now and then, and may not have asked yet.
  await sessions.refreshRunning().catch(() => undefined);
  const paths = [...sessions.running()].map(({ path }) => path);
  const found = paths.filter(path => path.endsWith(`/${name}`));
  return found.length === 1 ? found[0]! : name;
}

/** The address at which JupyterLab opens the page of a job. */
export function linkTo(key: IKey): string {
  const job = [key.source, key.id].map(encodeURIComponent).join('/');
  return `${URLExt.join(PageConfig.getBaseUrl(), 'lab')}?${LINK}=${job}`;
}

/** Which job an address names, or null. */
export function keyOfLink(search: string): IKey | null {
  const named = new URLSearchParams(search).get(LINK) ?? '';
  const slash = named.indexOf('/');
  return slash < 0 ? null : keyOf({ source: named.slice(0, slash), id: named.slice(slash + 1) });
}

const LONGEST = 200;

const ARGS = {
  type: 'object',
  required: ['source', 'id'],
  properties: {
    source: { type: 'string', description: 'The place of the job, such as local' },
    id: { type: 'string', description: 'The id of the job there' },
    line: { type: 'number', description: 'A line of its log to show' },
    rank: { type: 'number', description: 'The worker of that line' }
  }
} as const;

function keyOf(args: ReadonlyPartialJSONObject): IKey | null {
  const { source, id } = args;
  const fits = (part: unknown): part is string =>
    typeof part === 'string' && part.length > 0 && part.length <= LONGEST;
  return fits(source) && fits(id) ? { source, id } : null;
}

function placeOf({ line, rank, evidence }: ReadonlyPartialJSONObject): IPlaceOnPage {
  const place = (evidence ?? { line, rank }) as IPlaceOnPage;
  return {
    ...(typeof place.line === 'number' ? { line: place.line } : {}),
    ...(typeof place.rank === 'number' ? { rank: place.rank } : {})
  };
}
